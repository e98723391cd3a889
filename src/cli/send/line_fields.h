// Finds the parts of an event in a line and in what a container's runtime says about it.
#ifndef STAGELOG_CLI_SEND_LINE_FIELDS_H_
#define STAGELOG_CLI_SEND_LINE_FIELDS_H_

#include <optional>
#include <string_view>

#include "cli/send/container_line.h"
#include "cli/send/field_mapping.h"
#include "cli/send/foreign_line.h"

namespace stagelog::cli {

// What the program says comes first; but a time of the runtime's precedes a zero time of the
// program's. One thread at a time.
class LineFields {
 public:
  struct Found {
    ForeignLine* line = nullptr;  // that has it
    ForeignLine::Place place;
  };

  // `container`: null for a line that no runtime wrote; a part of a line is text. The mappings must
  // outlive it.
  LineFields(const FieldMapping& mapping, const ContainerMapping& inside, std::string_view content,
             const ContainerLine* container);

  std::optional<Found> Find(Part part);

  // The JSON object that the program, and the runtime, wrote; null where there is none.
  ForeignLine* line() { return line_ ? &*line_ : nullptr; }
  ForeignLine* about() { return about_ ? &*about_ : nullptr; }
  // The one in which fields of the line are looked for.
  ForeignLine* object() { return line_ ? line() : about(); }
  // The line was an object in the input.
  bool is_object() const { return line_.has_value() || is_docker_; }
  // The text is what the mapping names as the message: Docker's `log`.
  bool is_text_named() const { return is_text_named_; }

 private:
  const FieldMapping& mapping_;  // of `line_`
  const FieldMapping& outer_;
  std::optional<ForeignLine> line_;
  std::optional<ForeignLine> about_;
  bool is_docker_ = false;
  bool is_text_named_ = false;
};

}  // namespace stagelog::cli

#endif  // STAGELOG_CLI_SEND_LINE_FIELDS_H_
