#include "cli/send/foreign_line.h"

#include <algorithm>
#include <utility>

#include "cli/send/lone_surrogate.h"
#include "cli/send/time_object.h"
#include "client/json_member.h"
#include "core/draft_decoder.h"
#include "core/json_value.h"

namespace stagelog::cli {
namespace {

using Kind = JsonMember::Kind;

bool IsScalar(const JsonMember& member) {
  return member.kind == Kind::kText || member.kind == Kind::kInteger ||
         member.kind == Kind::kFloat || member.kind == Kind::kBoolean;
}

const JsonMember* LastOf(const std::vector<JsonMember>& object, std::string_view key) {
  const auto found = std::find_if(object.rbegin(), object.rend(),
                                  [&](const JsonMember& member) { return member.key == key; });
  return found == object.rend() ? nullptr : &*found;
}

}  // namespace

std::optional<ForeignLine> ForeignLine::Parse(std::string_view text) {
  auto members = ReadJsonObject(text, kMaxJsonDepth);
  ForeignLine line;
  if (!members) {
    const auto repaired = WithoutLoneSurrogates(text);
    if (repaired) members = ReadJsonObject(*repaired, kMaxJsonDepth);
    line.is_repaired_ = members.has_value();
  }
  if (!members) return std::nullopt;
  line.objects_.push_back(std::move(*members));
  line.members_ = &line.objects_.front();
  std::vector<std::string_view> keys;
  for (const JsonMember& member : *line.members_) keys.push_back(member.key);
  std::sort(keys.begin(), keys.end());
  line.has_duplicates_ = std::adjacent_find(keys.begin(), keys.end()) != keys.end();
  return line;
}

std::optional<ForeignLine::Place> ForeignLine::Find(const std::string& path) {
  return FindIn(*members_, path, true, IsScalar);
}

std::optional<ForeignLine::Place> ForeignLine::FindTime(const std::string& path) {
  return FindIn(*members_, path, true, [](const JsonMember& member) {
    return IsScalar(member) || (member.kind == Kind::kObject && TimeOfObject(member.raw));
  });
}

std::optional<ForeignLine::Place> ForeignLine::FindMessage(const std::string& path) {
  return FindIn(*members_, path, true, [](const JsonMember& member) {
    return IsScalar(member) || (member.key == "MESSAGE" && TextOfArray(member));
  });
}

std::optional<ForeignLine::Place> ForeignLine::FindIn(const std::vector<JsonMember>& object,
                                                      std::string_view path, bool is_top,
                                                      Wanted is_wanted) {
  if (const JsonMember* member = LastOf(object, path); member != nullptr && is_wanted(*member)) {
    return Place{member, &object, is_top};
  }
  for (size_t dot = path.rfind('.'); dot != std::string_view::npos && dot > 0;
       dot = path.rfind('.', dot - 1)) {
    const JsonMember* outer = LastOf(object, path.substr(0, dot));
    const std::vector<JsonMember>* inner = outer == nullptr ? nullptr : Inner(*outer);
    if (inner == nullptr) continue;
    if (const auto found = FindIn(*inner, path.substr(dot + 1), false, is_wanted)) return found;
  }
  return std::nullopt;
}

const std::vector<JsonMember>* ForeignLine::Inner(const JsonMember& member) {
  if (member.kind != Kind::kObject) return nullptr;
  for (const auto& [known, object] : inner_) {
    if (known == &member) return object;
  }
  auto members = ReadJsonObject(member.raw, kMaxJsonDepth);
  if (!members) return nullptr;
  objects_.push_back(std::move(*members));
  inner_.emplace_back(&member, &objects_.back());
  return &objects_.back();
}

bool ForeignLine::has_key(std::string_view key) const { return LastOf(*members_, key) != nullptr; }

bool ForeignLine::IsSuperseded(size_t index) const {
  return has_duplicates_ && LastOf(*members_, (*members_)[index].key) != &(*members_)[index];
}

std::string TextOfScalar(const JsonMember& member) {
  return member.kind == Kind::kText ? member.text : member.raw;
}

std::optional<std::string> TextOfArray(const JsonMember& member) {
  if (member.kind != Kind::kArray) return std::nullopt;
  const Json array = ParseOrderedJson(member.raw);
  if (!array.is_array() || array.empty()) return std::nullopt;
  std::string text;
  const bool is_bytes = array.front().is_number_unsigned();
  for (const Json& item : array) {
    if (is_bytes) {
      constexpr uint64_t kMaxByte = 255;
      if (!item.is_number_unsigned() || item.get<uint64_t>() > kMaxByte) return std::nullopt;
      text += static_cast<char>(item.get<uint64_t>());
    } else {
      if (!item.is_string()) return std::nullopt;
      text += (text.empty() ? "" : "\n") + item.get<std::string>();
    }
  }
  return text;
}

}  // namespace stagelog::cli
