// Identifies a line of a file independently of the file's name.
#ifndef STAGELOG_CLI_SEND_LINE_IDENTITY_H_
#define STAGELOG_CLI_SEND_LINE_IDENTITY_H_

#include <cstdint>
#include <map>
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
  // beginning of; a new one for a file that differs from all of them, and none for the first.
  // Remembers the file, unless `is_trial`. The second is a failure to remember it.
  std::pair<std::string, Status> SaltOf(const FileOutline& outline, bool is_trial);

 private:
  std::string PathOf(const std::string& first_digest) const;
  Status Save(const std::string& first_digest, const std::vector<KnownFile>& files) const;

  const std::string folder_;
};

}  // namespace stagelog::cli

#endif  // STAGELOG_CLI_SEND_LINE_IDENTITY_H_
