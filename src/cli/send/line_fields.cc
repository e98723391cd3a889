#include "cli/send/line_fields.h"

#include <algorithm>

namespace stagelog::cli {

LineFields::LineFields(const FieldMapping& mapping, const ContainerMapping& inside,
                       std::string_view content, const ContainerLine* container)
    : mapping_(container == nullptr ? mapping : inside.inner), outer_(inside.outer) {
  if (container == nullptr || container->is_whole()) line_ = ForeignLine::Parse(content);
  if (container == nullptr) return;
  about_ = ForeignLine::Parse(container->about);
  is_docker_ = container->is_docker;
  const std::vector<std::string>& messages = mapping.Of(Part::kMessage);
  const bool is_named =
      messages.empty() || std::find(messages.begin(), messages.end(), "log") != messages.end();
  is_text_named_ = is_docker_ && is_named;
}

std::optional<LineFields::Found> LineFields::Find(Part part) {
  std::optional<Found> zero;
  if (line_) {
    if (const auto place = mapping_.Find(*line_, part)) {
      if (part != Part::kTime || !HasZeroTime(*place)) return Found{&*line_, *place};
      zero = Found{&*line_, *place};
    }
  }
  // The message of what is no object is the text.
  if (about_ && part != Part::kMessage) {
    if (const auto place = outer_.Find(*about_, part)) return Found{&*about_, *place};
  }
  return zero;
}

}  // namespace stagelog::cli
