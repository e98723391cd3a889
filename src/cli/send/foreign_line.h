// A line of another program, and access to its values.
#ifndef STAGELOG_CLI_SEND_FOREIGN_LINE_H_
#define STAGELOG_CLI_SEND_FOREIGN_LINE_H_

#include <cstddef>
#include <deque>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/json_object_reader.h"

namespace stagelog::cli {

// A JSON object.
class ForeignLine {
 public:
  // No value when `text` is none.
  static std::optional<ForeignLine> Parse(std::string_view text);

  // A value with the object that it stands in. Valid as long as the line.
  struct Place {
    const JsonMember* member = nullptr;
    const std::vector<JsonMember>* object = nullptr;
    bool is_top = false;  // a member of the line itself
  };

  // The text, number or boolean at `path`: a key of the line, else keys joined by '.' that lead
  // through inner objects (a key may hold dots itself; the longest one wins). Of a key that is
  // given twice the last one. Nothing for null, objects, arrays, and what is not there.
  std::optional<Place> Find(const std::string& path);
  // The same, also for the objects that TimeOfObject() reads.
  std::optional<Place> FindTime(const std::string& path);
  // The same, also for a text that journald spells as an array (TextOfArray()).
  std::optional<Place> FindMessage(const std::string& path);

  const std::vector<JsonMember>& members() const { return *members_; }
  bool has_key(std::string_view key) const;
  // The line had halves of characters, for which U+FFFD stands now (lone_surrogate.h).
  bool is_repaired() const { return is_repaired_; }
  // Some key of the line is given twice; all but the last one are superseded.
  bool has_duplicates() const { return has_duplicates_; }
  bool IsSuperseded(size_t index) const;

 private:
  ForeignLine() = default;
  using Wanted = bool (*)(const JsonMember& member);
  std::optional<Place> FindIn(const std::vector<JsonMember>& object, std::string_view path,
                              bool is_top, Wanted is_wanted);
  const std::vector<JsonMember>* Inner(const JsonMember& member);

  const std::vector<JsonMember>* members_ = nullptr;
  // Objects that were parsed, the line first; a deque, for pointers lead into it.
  std::deque<std::vector<JsonMember>> objects_;
  std::deque<std::pair<const JsonMember*, const std::vector<JsonMember>*>> inner_;
  bool has_duplicates_ = false;
  bool is_repaired_ = false;
};

// A scalar as text; booleans and numbers as they are spelled. Objects and arrays likewise.
std::string TextOfScalar(const JsonMember& member);

// A text that journald writes as an array: its bytes, where they are no UTF-8 or do not print, or
// the texts of a field that was given several times, which become lines. No value for another.
std::optional<std::string> TextOfArray(const JsonMember& member);

}  // namespace stagelog::cli

#endif  // STAGELOG_CLI_SEND_FOREIGN_LINE_H_
