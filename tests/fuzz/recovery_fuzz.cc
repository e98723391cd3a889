// Any bytes in the place of a job's events.jsonl: the journal opens, what is valid is kept, what is
// not is set aside whole, and opening again changes nothing.
#include <fcntl.h>
#include <sys/stat.h>

#include <filesystem>
#include <fstream>

#include "base/check.h"
#include "core/event_codec.h"
#include "log/file/job_files.h"
#include "log/recovery.h"
#include "tests/fuzz/fuzz_target.h"
#include "tests/support/journal_evidence.h"
#include "tests/support/manual_clock.h"
#include "tests/support/temporary_directory.h"

namespace stagelog {
namespace {

constexpr int64_t kFileMicros = 1'767'322'000'000'000;  // before the clock's time
const char* const kJob = "job";

// A file in the making. A line of the input stands for a line of the file: "=text" for a valid
// event that goes on from the last one, "-text" for one that is changed after it was sealed, "/"
// for the last line once more, everything else for itself. A file ends without a newline when the
// input does.
class FileText {
 public:
  explicit FileText(std::string_view program) {
    FuzzInput lines(program);
    while (!lines.empty()) {
      const bool terminated = lines.rest().find('\n') != std::string_view::npos;
      Add(lines.TakeLine());
      if (terminated) text_ += '\n';
    }
  }

  const std::string& text() const { return text_; }

  // The valid events at the beginning, each with its newline.
  const std::vector<std::string>& prefix() const { return prefix_; }

 private:
  void Add(std::string_view line) {
    const bool is_event = line.starts_with('=') || line.starts_with('-');
    if (is_event) {
      const SealedLine sealed = Seal(line.substr(1));
      std::string body = sealed.body;
      if (line.front() == '-') {
        unbroken_ = false;
        body[body.size() / 2] = static_cast<char>(body[body.size() / 2] ^ 1);
      }
      if (unbroken_) prefix_.push_back(body);
      last_ = body;
      hash_ = sealed.hash;
    } else {
      unbroken_ = false;
      if (line != "/") last_ = line;
    }
    text_ += last_;
  }

  SealedLine Seal(std::string_view message) {
    Event event;
    event.job_seq = ++job_seq_;
    event.seq = 10 * job_seq_;
    event.ts_micros = kFileMicros + job_seq_;
    event.draft.job_id = kJob;
    event.draft.type = "log";
    event.draft.level = "info";
    event.draft.event_id = "e-" + std::to_string(job_seq_);
    for (const char c : message) event.draft.message += c >= ' ' && c < 127 ? c : '?';
    if (event.draft.message.empty()) event.draft.message = "m";
    return EncodeEvent(event, hash_);
  }

  std::string text_;
  std::vector<std::string> prefix_;
  std::string last_;
  std::string hash_;
  int64_t job_seq_ = 0;
  bool unbroken_ = true;
};

class Journal {
 public:
  Journal() { std::filesystem::create_directories(directory_.path() + "/" + kJob); }

  // A file with a time of its own: the journal reads only what looks otherwise than it left it.
  void WriteFile(const std::string& text) {
    const std::string path = EventsFileOf(directory_.path(), kJob);
    std::ofstream(path, std::ios::binary | std::ios::trunc) << text;
    const timespec times[2] = {{++file_time_, 0}, {file_time_, 0}};
    STAGELOG_CHECK(::utimensat(AT_FDCWD, path.c_str(), times, 0) == 0);
  }

  RecoveryReport Open() {
    auto opened = OpenJournal(RealFileSystem(), clock_, directory_.path());
    if (!opened) CheckSameText("the journal does not open", opened.error().message, "");
    return opened->report;
  }

  std::vector<std::string> Lines() const {
    const auto lines = ReadJobLines(directory_.path(), kJob);
    STAGELOG_CHECK(lines.has_value());
    return *lines;
  }

  const std::string& path() const { return directory_.path(); }

 private:
  TemporaryDirectory directory_;
  ManualClock clock_;
  time_t file_time_ = 1'700'000'000;
};

// Every line of `expected` is there, in its place.
void CheckKept(const std::vector<std::string>& expected, const std::vector<std::string>& lines) {
  STAGELOG_CHECK(lines.size() >= expected.size());
  for (size_t i = 0; i < expected.size(); ++i) CheckSameText("line", lines[i], expected[i]);
}

// What differed is kept under another name, byte by byte, but for a tail that was torn.
void CheckNothingLost(const Journal& journal, const RecoveryReport& report,
                      const std::string& before) {
  if (!report.set_aside.empty()) {
    STAGELOG_CHECK(report.set_aside.size() == 1);
    CheckSameText("set aside", ReadAll(report.set_aside.front()), before);
    return;
  }
  const std::string after = ReadAll(EventsFileOf(journal.path(), kJob));
  const size_t last_line = before.rfind('\n') == before.npos ? 0 : before.rfind('\n') + 1;
  CheckSameText("the file", after.substr(0, last_line), before.substr(0, last_line));
}

void CheckAgreement(const Journal& journal) {
  for (const std::string& complaint : FindDisagreements(journal.path())) {
    // A file of which nothing was taken is there, empty, without a row.
    if (complaint.find("has a folder but no row") != complaint.npos && journal.Lines().empty()) {
      continue;
    }
    CheckSameText("disagreement", complaint, "");
  }
}

void CheckSecondOpen(Journal& journal) {
  const std::string before = ReadAll(EventsFileOf(journal.path(), kJob));
  const RecoveryReport report = journal.Open();
  STAGELOG_CHECK(!report.rebuilt && report.lines_taken == 0 && report.lines_appended == 0);
  STAGELOG_CHECK(report.tails_cut == 0 && report.set_aside.empty());
  STAGELOG_CHECK(report.states_differed.empty());
  CheckSameText("the file", ReadAll(EventsFileOf(journal.path(), kJob)), before);
}

}  // namespace

// The first byte: how many events the database has already, and whether the database is new.
STAGELOG_FUZZ_TARGET(recovery) {
  FuzzInput bytes(input);
  const uint8_t shape = bytes.TakeByte();
  static_cast<void>(DecodeStoredEvent(bytes.rest()));
  const FileText file(bytes.rest());
  const size_t known = std::min<size_t>(shape % 4, file.prefix().size());
  Journal journal;
  std::string known_text;
  for (size_t i = 0; i < known; ++i) known_text += file.prefix()[i] + "\n";
  if (known > 0) {
    journal.WriteFile(known_text);
    journal.Open();
    STAGELOG_CHECK(journal.Lines().size() == known);
  }
  // Behind what is known may come the file itself, or the file without its first bytes.
  const std::string text = file.text().substr(std::min<size_t>(shape / 16, file.text().size()));
  journal.WriteFile(text);
  const RecoveryReport report = journal.Open();
  std::vector<std::string> expected = file.prefix();
  if (shape / 16 > 0) expected.resize(known);
  CheckKept(expected, journal.Lines());
  CheckNothingLost(journal, report, text);
  CheckAgreement(journal);
  CheckSecondOpen(journal);
}

}  // namespace stagelog
