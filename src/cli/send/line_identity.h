// Identifies a line of a file independently of the file's name.
#ifndef STAGELOG_CLI_SEND_LINE_IDENTITY_H_
#define STAGELOG_CLI_SEND_LINE_IDENTITY_H_

#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace stagelog::cli {

// Digests over the lines of a file up to each: the same where the files are the same so far. So a
// line has one identity in app.log, in app.log.1 that it was renamed to, in app.log.2.gz, and after
// more lines came; and two equal lines of a file have two. One thread at a time.
class LineChain {
 public:
  // The digest (64 hex digits) of all lines added so far.
  const std::string& Add(std::string_view line);
  int64_t lines() const { return lines_; }

 private:
  std::string digest_;
  int64_t lines_ = 0;
};

// The event_id of the line that a chain has reached. `salt` tells files apart that begin alike.
std::string LineEventId(std::string_view salt, std::string_view digest);

// What a file begins with, at some of its lines: enough to know it again.
struct FileOutline {
  std::map<int64_t, std::string> digests;  // by the number of lines

  bool empty() const { return digests.empty(); }
  int64_t lines() const { return digests.empty() ? 0 : digests.rbegin()->first; }
};

// A file that was imported before.
struct KnownFile {
  std::string salt;
  FileOutline outline;
};

// Remembers in a folder of the user's which files were imported, so that a file that begins like
// another one and then differs is not taken for it. Where nothing can be remembered, the first
// lines that two files have in common count as the same.
class ImportLedger {
 public:
  // Empty: remembers nothing.
  explicit ImportLedger(std::string folder) : folder_(std::move(folder)) {}

  // The files that begin with the line of that digest. Files that cannot be read count as none.
  std::vector<KnownFile> Known(const std::string& first_digest) const;

  // True when a known file that begins like `outline` has a digest at a line where this has none:
  // it must be made anew for SaltOf().
  bool Needs(const FileOutline& outline) const;

  // The salt of the file with that outline, which must have the digests at all lines at which a
  // known file has one (as far as it reaches): that of the known file that it continues, or is the
  // beginning of (of several the one that became known last); a new one for a file that differs
  // from all of them, and none for the first.
  // Remembers the file, unless `is_trial`. The second is a failure to remember it.
  std::pair<std::string, Status> SaltOf(const FileOutline& outline, bool is_trial);

  // Remembers more of the file with that salt, where only its beginning was there for SaltOf().
  // False when that is not the known file after all.
  bool Extend(const std::string& salt, const FileOutline& outline);

 private:
  std::string PathOf(const std::string& first_digest) const;
  Status Save(const std::string& first_digest, const std::vector<KnownFile>& files) const;

  const std::string folder_;
};

// Makes the outline of a file line by line. One thread at a time.
class OutlineRecorder {
 public:
  // The ledger must outlive it.
  explicit OutlineRecorder(const ImportLedger& ledger) : ledger_(ledger) {}

  // The next line; of the last one only if it has ended, for it may become another one.
  void Add(std::string_view line);

  // Of the lines so far, with what SaltOf() asks for. What is added later keeps to it.
  const FileOutline& Outline();

 private:
  const ImportLedger& ledger_;
  LineChain chain_;
  std::set<int64_t> wanted_;  // beside the powers of two
  std::string last_;
  FileOutline outline_;
};

}  // namespace stagelog::cli

#endif  // STAGELOG_CLI_SEND_LINE_IDENTITY_H_
