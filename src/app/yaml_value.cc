#include "app/yaml_value.h"

#include <algorithm>
#include <charconv>
#include <system_error>

#include "base/nearest.h"

namespace stagelog {
namespace {

constexpr size_t kMaxQuotedBytes = 60;

// Text of a file as a terminal may show it.
std::string Quote(std::string_view text) {
  std::string out = "'";
  for (const char c : text.substr(0, kMaxQuotedBytes)) {
    out += static_cast<unsigned char>(c) < ' ' || c == 127 ? '?' : c;
  }
  return out + (text.size() > kMaxQuotedBytes ? "...'" : "'");
}

// yaml-cpp tags a scalar in quotes with "!" and a plain one with "?".
bool IsQuoted(const YAML::Node& node) { return node.Tag() == "!"; }

std::string Describe(const YAML::Node& node) {
  if (node.IsMap()) return "a mapping";
  if (node.IsSequence()) return "a list";
  if (!node.IsScalar()) return "empty";
  return (IsQuoted(node) ? "the text " : "") + Quote(node.Scalar());
}

std::optional<int64_t> ParseWholeNumber(std::string_view text) {
  int64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return number;
}

// The path among `paths` whose last part is `key`; empty when there is none.
std::string_view PathEndingIn(std::string_view key, std::span<const std::string_view> paths) {
  for (const std::string_view path : paths) {
    if (path.substr(path.rfind('.') + 1) == key) return path;
  }
  return {};
}

}  // namespace

int LineOf(const YAML::Mark& mark) { return std::max(mark.line, 0) + 1; }

void YamlProblems::Add(int line, const std::string& path, const std::string& text) {
  by_line_.emplace(line, (path.empty() ? "" : path + ": ") + text);
}

std::vector<std::string> YamlProblems::Lines() const {
  std::vector<std::string> lines;
  for (const auto& [line, text] : by_line_) {
    lines.push_back(file_name_ + ":" + std::to_string(line) + ": " + text);
  }
  return lines;
}

YamlValue YamlValue::Secret() const {
  YamlValue secret = *this;
  secret.secret_ = true;
  return secret;
}

YamlValue YamlValue::Child(const YAML::Node& node, int line, const std::string& path) const {
  YamlValue child(node, line, path, problems_);
  child.secret_ = secret_;
  return child;
}

std::string YamlValue::PathOf(std::string_view key) const {
  return path_.empty() ? std::string(key) : path_ + "." + std::string(key);
}

std::string YamlValue::MustBe(const std::string& what) const {
  return "must be " + what + (secret_ ? "" : ", not " + Describe(node_));
}

std::optional<int64_t> YamlValue::WholeNumber(int64_t min, int64_t max) const {
  if (node_.IsScalar() && !IsQuoted(node_)) {
    const std::optional<int64_t> number = ParseWholeNumber(node_.Scalar());
    if (number && *number >= min && *number <= max) return number;
  }
  Fail(MustBe("a whole number from " + std::to_string(min) + " to " + std::to_string(max)));
  return std::nullopt;
}

std::optional<std::string> YamlValue::Text() const {
  if (node_.IsScalar()) return node_.Scalar();
  Fail(MustBe("text"));
  return std::nullopt;
}

std::optional<bool> YamlValue::Boolean() const {
  if (node_.IsScalar() && !IsQuoted(node_)) {
    if (node_.Scalar() == "true") return true;
    if (node_.Scalar() == "false") return false;
  }
  Fail(MustBe("true or false"));
  return std::nullopt;
}

std::optional<std::vector<YamlValue>> YamlValue::Items() const {
  if (!node_.IsSequence()) {
    Fail(MustBe("a list"));
    return std::nullopt;
  }
  std::vector<YamlValue> items;
  for (const YAML::Node& item : node_) {
    const std::string path = path_ + "[" + std::to_string(items.size()) + "]";
    items.push_back(Child(item, item.Mark().is_null() ? line_ : LineOf(item.Mark()), path));
  }
  return items;
}

std::optional<std::vector<YamlValue>> YamlValue::ItemsOrOne() const {
  if (node_.IsScalar()) return std::vector<YamlValue>{*this};
  return Items();
}

std::vector<std::pair<std::string, YamlValue>> YamlValue::Members(
    std::span<const std::string_view> known, std::span<const std::string_view> elsewhere) const {
  if (node_.IsNull()) return {};
  if (!node_.IsMap()) {
    Fail(MustBe("a mapping of keys to values"));
    return {};
  }
  std::vector<std::pair<std::string, YamlValue>> members;
  std::map<std::string, int> first_lines;
  for (const auto& member : node_) {
    const int line = LineOf(member.first.Mark());
    const std::string key = member.first.IsScalar() ? member.first.Scalar() : "";
    if (std::find(known.begin(), known.end(), key) == known.end()) {
      FailUnknown(key, line, known, elsewhere);
      continue;
    }
    const auto [first, is_first] = first_lines.emplace(key, line);
    if (is_first) {
      members.emplace_back(key, Child(member.second, line, PathOf(key)));
    } else {
      problems_->Add(
          line, PathOf(key),
          "duplicate key, first given on line " + std::to_string(first->second) + "; keep one");
    }
  }
  return members;
}

std::optional<std::vector<std::pair<std::string, YamlValue>>> YamlValue::Entries() const {
  if (!node_.IsMap()) {
    Fail(MustBe("a mapping of names to values"));
    return std::nullopt;
  }
  std::vector<std::pair<std::string, YamlValue>> entries;
  for (const auto& member : node_) {
    const int line = LineOf(member.first.Mark());
    if (!member.first.IsScalar()) {
      problems_->Add(line, path_, "a name must be text");
      continue;
    }
    const std::string& name = member.first.Scalar();
    entries.emplace_back(name, Child(member.second, line, PathOf(name)));
  }
  return entries;
}

void YamlValue::FailUnknown(const std::string& key, int line,
                            std::span<const std::string_view> known,
                            std::span<const std::string_view> elsewhere) const {
  const std::string_view moved = PathEndingIn(key, elsewhere);
  const std::string_view nearest = NearestWord(key, known);
  const std::string meant =
      moved.empty() && !nearest.empty() ? PathOf(nearest) : std::string(moved);
  // A token can have slipped into the place of a key.
  const std::string path = secret_ || key.empty() ? path_ : PathOf(Quote(key));
  problems_->Add(line, path,
                 meant.empty() ? "unknown key; valid keys: " + JoinWords(known)
                               : "unknown key; did you mean '" + meant + "'?");
}

}  // namespace stagelog
