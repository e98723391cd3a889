// One value of a YAML document, to be converted into a typed one. Every problem is recorded with
// its line and reading continues, so that all problems are reported at once.
#ifndef STAGELOG_APP_YAML_VALUE_H_
#define STAGELOG_APP_YAML_VALUE_H_

#include <yaml-cpp/yaml.h>

#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace stagelog {

// What was found wrong with one file. Used by one thread.
class YamlProblems {
 public:
  explicit YamlProblems(std::string file_name) : file_name_(std::move(file_name)) {}

  // `line` counts from 1; `path` may be empty.
  void Add(int line, const std::string& path, const std::string& text);

  // "<file>:<line>: <path>: <text>", ordered by line.
  std::vector<std::string> Lines() const;

  bool empty() const { return by_line_.empty(); }
  const std::string& file_name() const { return file_name_; }

 private:
  std::string file_name_;
  std::multimap<int, std::string> by_line_;
};

// A node with its place in the file. `problems` must outlive it.
class YamlValue {
 public:
  YamlValue(const YAML::Node& node, int line, std::string path, YamlProblems* problems)
      : node_(node), line_(line), path_(std::move(path)), problems_(problems) {}

  const std::string& path() const { return path_; }
  int line() const { return line_; }
  const std::string& file_name() const { return problems_->file_name(); }

  // The same value, but neither it nor anything inside it is quoted in problems.
  YamlValue Secret() const;

  // Records a problem at this place.
  void Fail(const std::string& text) const { problems_->Add(line_, path_, text); }

  // Each of these records a problem and returns nothing if the value is of another kind.
  std::optional<int64_t> WholeNumber(int64_t min, int64_t max) const;
  std::optional<std::string> Text() const;
  std::optional<bool> Boolean() const;
  std::optional<std::vector<YamlValue>> Items() const;
  // The same; a text stands for a list of it.
  std::optional<std::vector<YamlValue>> ItemsOrOne() const;

  // The members of a mapping whose keys are among `known`, in the order of the file. Notes unknown
  // keys (with a known one: that of `elsewhere`, full paths, which ends in it, or else the nearest)
  // and keys given twice. An empty value is an empty mapping.
  std::vector<std::pair<std::string, YamlValue>> Members(
      std::span<const std::string_view> known,
      std::span<const std::string_view> elsewhere = {}) const;

  // The same of a mapping whose keys are names of the user's own.
  std::optional<std::vector<std::pair<std::string, YamlValue>>> Entries() const;

  // "must be ..., not 'what stands there'"; a secret is not shown.
  std::string MustBe(const std::string& what) const;

 private:
  YamlValue Child(const YAML::Node& node, int line, const std::string& path) const;
  void FailUnknown(const std::string& key, int line, std::span<const std::string_view> known,
                   std::span<const std::string_view> elsewhere) const;
  std::string PathOf(std::string_view key) const;

  YAML::Node node_;
  int line_;
  std::string path_;
  YamlProblems* problems_;
  bool secret_ = false;
};

// The line of a place in the file, counted from 1.
int LineOf(const YAML::Mark& mark);

}  // namespace stagelog

#endif  // STAGELOG_APP_YAML_VALUE_H_
