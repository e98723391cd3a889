#include "core/dialect/cloud_event_subject.h"

#include <charconv>

#include "core/event.h"
#include "core/identifier.h"

namespace stagelog {
namespace {

constexpr std::string_view kJobs = "jobs/";
constexpr std::string_view kStages = "stages/";
constexpr std::string_view kAttempts = "/attempts/";
constexpr std::string_view kGates = "/gates/";

std::optional<int64_t> ReadAttempt(std::string_view text) {
  int64_t attempt = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), attempt);
  const bool is_whole = error == std::errc() && end == text.data() + text.size();
  if (!is_whole || attempt < 1 || attempt > kMaxAttempt) return std::nullopt;
  return attempt;
}

}  // namespace

std::string JobOfSource(std::string_view source) {
  source = source.substr(0, source.find_first_of("?#"));
  while (source.ends_with('/')) source.remove_suffix(1);
  const size_t jobs = source.rfind(kJobs);
  if (jobs != std::string_view::npos && (jobs == 0 || source[jobs - 1] == '/')) {
    const std::string_view rest = source.substr(jobs + kJobs.size());
    return std::string(rest.substr(0, rest.find('/')));
  }
  const size_t last = source.find_last_of("/:");
  return std::string(last == std::string_view::npos ? source : source.substr(last + 1));
}

std::optional<CloudEventSubject> ReadSubject(std::string_view subject) {
  CloudEventSubject read;
  if (subject.empty()) return read;
  // Each part is found behind a slash, so that the first may be missing.
  std::string text = "/" + std::string(subject);
  if (const size_t gate = text.rfind(kGates); gate != std::string::npos) {
    read.gate = text.substr(gate + kGates.size());
    if (!IsName(read.gate)) return std::nullopt;
    text.resize(gate);
  }
  if (const size_t attempt = text.rfind(kAttempts); attempt != std::string::npos) {
    read.attempt = ReadAttempt(std::string_view(text).substr(attempt + kAttempts.size()));
    if (!read.attempt) return std::nullopt;
    text.resize(attempt);
  }
  if (text.empty()) return read;
  read.stage = text.substr(1);
  if (read.stage.starts_with(kStages)) read.stage.erase(0, kStages.size());
  if (!IsStagePath(read.stage)) return std::nullopt;
  return read;
}

std::string SubjectOf(const CloudEventSubject& subject) {
  std::string text;
  if (!subject.stage.empty()) text += "/" + std::string(kStages) + subject.stage;
  if (subject.attempt) text += std::string(kAttempts) + std::to_string(*subject.attempt);
  if (!subject.gate.empty()) text += std::string(kGates) + subject.gate;
  return text.empty() ? text : text.substr(1);
}

}  // namespace stagelog
