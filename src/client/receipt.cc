#include "client/receipt.h"

#include <algorithm>

#include "base/terminal_text.h"
#include "core/draft_decoder.h"
#include "core/job_machine.h"
#include "core/payload_keys.h"

namespace stagelog::cli {
namespace {

std::vector<std::string> CodesOf(const Json& object) {
  std::vector<std::string> codes;
  for (const Json& code : PartAt(object, "violations")) {
    if (code.is_string()) codes.push_back(code.get<std::string>());
  }
  return codes;
}

std::string PlaceText(const std::string& job_id, const Json& object) {
  return job_id + "#" + std::to_string(IntegerAt(object, "job_seq"));
}

// The documentation's sentence, without its marks for code.
std::string MeaningOf(const std::string& code) {
  std::string meaning(ViolationMeaning(code));
  std::erase(meaning, '`');
  return meaning;
}

// Which key it was. The job may stand in the address alone.
std::string SuspectText(std::string_view event) {
  auto draft = DecodeDraft(event, {});
  if (!draft) draft = DecodeDraft(event, {.job_id = "any", .actor = ""});
  if (!draft) return "";
  const auto suspect = FindSuspectKey(draft->kind, draft->payload);
  if (!suspect) return "";
  return "'" + EscapeControls(suspect->key) + "' in the payload is not read; did you mean '" +
         std::string(suspect->meant) + "'?";
}

}  // namespace

Receipt ReadReceipt(const Json& answer, const std::string& job_id) {
  Receipt receipt;
  if (!answer.is_object()) return receipt;
  if (answer.contains("job_seq")) {
    FlaggedEvent event{0, PlaceText(job_id, answer), CodesOf(answer)};
    if (event.violations.empty()) return receipt;
    receipt.flagged = 1;
    receipt.events.push_back(std::move(event));
    return receipt;
  }
  receipt.flagged = IntegerAt(answer, "flagged");
  for (const Json& flagged : PartAt(answer, "violations")) {
    receipt.events.push_back({IntegerAt(flagged, "line"),
                              PlaceText(TextAt(flagged, "job_id"), flagged), CodesOf(flagged)});
  }
  return receipt;
}

std::string FlagText(const FlaggedEvent& flagged, std::string_view event) {
  std::string text = EscapeControls(flagged.place) + " is flagged: ";
  for (size_t i = 0; i < flagged.violations.size(); ++i) {
    const std::string& code = flagged.violations[i];
    if (i > 0) text += ", ";
    text += EscapeControls(code);
    const std::string suspect = code == "suspect_key" ? SuspectText(event) : "";
    const std::string meaning = suspect.empty() ? MeaningOf(code) : suspect;
    if (!meaning.empty()) text += " (" + meaning + ")";
  }
  const bool counts =
      std::all_of(flagged.violations.begin(), flagged.violations.end(), ViolationCounts);
  return text + (counts ? "; it is stored and takes effect" : "; it is stored but has no effect");
}

}  // namespace stagelog::cli
