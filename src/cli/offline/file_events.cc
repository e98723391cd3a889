#include "cli/offline/file_events.h"

#include <utility>

#include "base/file_system.h"
#include "base/terminal_text.h"
#include "cli/offline/packed_file.h"
#include "cli/screen.h"
#include "cli/send/byte_source.h"
#include "core/event_codec.h"
#include "core/json_text.h"
#include "core/text_line.h"

namespace stagelog::cli {
namespace {

bool IsTornTail(const ChainFinding& finding) { return finding.code == "torn_tail"; }

}  // namespace

CliResult<std::unique_ptr<FileEvents>> FileEvents::Open(const JournalPath& journal, Trust trust,
                                                        BytesRead bytes_read) {
  // state.json is written after the line that it speaks of: what it knows now is in the file when
  // that is read. One that cannot be read says nothing about the events.
  std::optional<ChainAnchor> anchor;
  if (trust == Trust::kVerified && !journal.folder.empty()) {
    if (auto read = ReadStateAnchor(journal.folder + "/state.json")) anchor = std::move(*read);
  }
  const auto damage = trust == Trust::kVerified ? CompressedFile::Damage::kIsAnError
                                                : CompressedFile::Damage::kIsBlankLines;
  Result<std::unique_ptr<ReadFile>> file = OpenJournalFile(journal.path, damage);
  if (!file) return Fail(ExitCode::kBadFile, file.error().message);
  if (IsStreamPath(journal.path)) return Over(journal, trust, std::move(*file));
  std::unique_ptr<FileEvents> events(
      new FileEvents(journal, trust, std::move(bytes_read), LineReader(std::move(*file))));
  if (anchor) events->check_.SetAnchor(std::move(*anchor));
  return events;
}

std::unique_ptr<FileEvents> FileEvents::Over(const JournalPath& journal, Trust trust,
                                             std::unique_ptr<ReadFile> file) {
  constexpr uint64_t kMaxUnbrokenBytes = uint64_t{64} << 20;  // /dev/zero has no end
  return std::unique_ptr<FileEvents>(
      new FileEvents(journal, trust, nullptr, LineReader(std::move(file), kMaxUnbrokenBytes)));
}

FileEvents::FileEvents(const JournalPath& journal, Trust trust, BytesRead bytes_read,
                       LineReader reader)
    : path_(ShownPath(journal)),
      trust_(trust),
      bytes_read_(std::move(bytes_read)),
      reader_(std::move(reader)) {}

CliResult<std::optional<StoredEvent>> FileEvents::Next() {
  while (true) {
    const auto line = reader_.Next();
    if (!line && line.error().error_number == kDamagedFile) {  // it names its file
      return Fail(ExitCode::kBadFile, line.error().message);
    }
    if (!line) return Fail(ExitCode::kBadFile, path_ + ": " + line.error().message);
    if (!line->has_value()) return End();
    const FileLine& found = **line;
    size_ = found.end;
    if (bytes_read_) bytes_read_(found.end - found.offset);
    auto event = trust_ == Trust::kVerified
                     ? TakeVerified(found)
                     : CliResult<std::optional<StoredEvent>>(TakeReadable(found));
    if (!event || event->has_value()) return event;
  }
}

// No event where the line is a torn tail.
CliResult<std::optional<StoredEvent>> FileEvents::TakeVerified(const FileLine& line) {
  const auto before = static_cast<size_t>(check_.finding_count());
  std::optional<Event> event = check_.Take(line.text, line.offset, line.terminated);
  for (size_t i = before; i < check_.findings().size(); ++i) {
    const ChainFinding& finding = check_.findings()[i];
    if (!IsTornTail(finding)) return tl::unexpected(Damage(finding));
    remark_ = path_ + ": " + finding.detail + (event ? "" : " and is passed over");
  }
  if (!event) return std::nullopt;
  last_job_seq_ = event->job_seq;
  return StoredEvent{std::move(*event), std::string(line.text)};
}

std::optional<StoredEvent> FileEvents::TakeReadable(const FileLine& line) {
  const std::string_view content = LineContent(line.text);
  Result<Event> event = DecodeStoredEvent(content);
  const bool is_next = event && (job_id_.empty() || event->draft.job_id == job_id_) &&
                       event->seq > last_seq_ && event->job_seq > last_job_seq_;
  if (!is_next) {
    remark_ = path_ + ": skipped lines that are not the job's next event: " +
              std::to_string(++passed_over_);
    return std::nullopt;
  }
  job_id_ = event->draft.job_id;
  last_seq_ = event->seq;
  last_job_seq_ = event->job_seq;
  // Somebody may have edited white space in; what reads stored lines expects none.
  return StoredEvent{std::move(*event), CompactJson(content)};
}

CliResult<std::optional<StoredEvent>> FileEvents::End() {
  if (trust_ == Trust::kVerified) {
    const auto before = static_cast<size_t>(check_.finding_count());
    check_.Finish(size_);
    if (check_.findings().size() > before) {
      return tl::unexpected(Damage(check_.findings().back()));
    }
  }
  if (last_job_seq_ > 0) return std::nullopt;
  return Fail(ExitCode::kBadFile,
              path_ + ": contains no events; expected the events.jsonl of a job");
}

CliError FileEvents::Damage(const ChainFinding& finding) const {
  if (finding.line == 1 && finding.code == "not_an_event") {
    return {ExitCode::kBadFile, path_ + ": not a stagelog journal: the first line is not an event"};
  }
  return {ExitCode::kBadFile,
          path_ + ": line " + std::to_string(finding.line) + " (byte " +
              std::to_string(finding.offset) + ") " + finding.code + ": " +
              EscapeControls(finding.detail) +
              "; 'stagelog verify' reports what can be trusted, --unverified continues anyway"};
}

}  // namespace stagelog::cli
