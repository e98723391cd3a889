#include "cli/send/id_conflicts.h"

#include "base/sha256.h"
#include "core/draft_decoder.h"
#include "core/json_text.h"

namespace stagelog::cli {
namespace {

constexpr size_t kDigits = 32;  // of a digest that are kept

std::string ContentDigest(const EventDraft& draft) {
  std::string text;
  for (const std::string* part : {&draft.type, &draft.stage, &draft.gate, &draft.status,
                                  &draft.level, &draft.message, &draft.payload}) {
    text += std::to_string(part->size()) + ':' + *part;
  }
  return Sha256Hex(std::to_string(draft.attempt.value_or(0)) + "/", text).substr(0, kDigits);
}

}  // namespace

CliStatus IdConflicts::Add(std::string_view event) {
  const auto draft = DecodeDraft(event, {"", "import"});
  if (!draft || draft->event_id.empty()) return {};  // judged elsewhere
  const std::string key = Sha256Hex(draft->job_id + '\n', draft->event_id).substr(0, kDigits);
  const std::string content = ContentDigest(*draft);
  const auto [entry, is_new] = contents_.emplace(key, content);
  if (is_new || entry->second == content) return {};
  return Fail(ExitCode::kRefused, "event_id '" + QuotableText(draft->event_id, 80) +
                                      "' was used earlier for an event with different content");
}

}  // namespace stagelog::cli
