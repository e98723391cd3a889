#include "cli/send/line_identity.h"

#include <algorithm>
#include <utility>

#include "base/file_system.h"
#include "base/sha256.h"
#include "base/unique_fd.h"
#include "client/json_member.h"
#include "client/spool_file.h"
#include "core/json_value.h"

namespace stagelog::cli {
namespace {

constexpr size_t kIdentityDigits = 32;
constexpr size_t kMaxKnownFiles = 1'000;  // that begin with the same line; the oldest are forgotten
constexpr uint64_t kMaxLedgerBytes = uint64_t{64} << 20;

// True when neither contradicts the other: they agree wherever both have a digest.
bool Agrees(const FileOutline& known, const FileOutline& outline) {
  for (const auto& [lines, digest] : known.digests) {
    if (lines > outline.lines()) break;
    const auto own = outline.digests.find(lines);
    if (own == outline.digests.end() || own->second != digest) return false;
  }
  return true;
}

std::vector<KnownFile> Decode(const std::string& text) {
  std::vector<KnownFile> files;
  const Json json = ParseOrderedJson(text);
  if (!json.is_array()) return files;
  for (const Json& item : json) {
    KnownFile file;
    file.salt = TextAt(item, "salt");
    for (const Json& mark : PartAt(item, "marks")) {
      const int64_t lines = IntegerAt(mark, "lines");
      if (lines > 0) file.outline.digests[lines] = TextAt(mark, "digest");
    }
    if (!file.outline.empty()) files.push_back(std::move(file));
  }
  return files;
}

std::string Encode(const std::vector<KnownFile>& files) {
  Json json = Json::array();
  for (const KnownFile& file : files) {
    Json marks = Json::array();
    for (const auto& [lines, digest] : file.outline.digests) {
      marks.push_back({{"lines", lines}, {"digest", digest}});
    }
    json.push_back({{"salt", file.salt}, {"marks", std::move(marks)}});
  }
  return DumpJson(json) + "\n";
}

}  // namespace

const std::string& LineChain::Add(std::string_view line) {
  digest_ = Sha256Hex(digest_, line);
  ++lines_;
  return digest_;
}

std::string LineEventId(std::string_view salt, std::string_view digest) {
  return "import-" + Sha256Hex(salt, digest).substr(0, kIdentityDigits);
}

std::string ImportLedger::PathOf(const std::string& first_digest) const {
  return folder_ + "/" + first_digest.substr(0, kIdentityDigits) + ".json";
}

std::vector<KnownFile> ImportLedger::Known(const std::string& first_digest) const {
  if (folder_.empty()) return {};
  const auto text = ReadWholeFile(RealFileSystem(), PathOf(first_digest), kMaxLedgerBytes);
  return text ? Decode(*text) : std::vector<KnownFile>();
}

bool ImportLedger::Needs(const FileOutline& outline) const {
  if (outline.empty()) return false;
  for (const KnownFile& known : Known(outline.digests.begin()->second)) {
    for (const auto& [lines, digest] : known.outline.digests) {
      if (lines <= outline.lines() && !outline.digests.contains(lines)) return true;
    }
  }
  return false;
}

Status ImportLedger::Save(const std::string& first_digest,
                          const std::vector<KnownFile>& files) const {
  return ReplaceSmallFile(PathOf(first_digest), Encode(files), true);
}

std::pair<std::string, Status> ImportLedger::SaltOf(const FileOutline& outline, bool is_trial) {
  if (folder_.empty() || outline.empty()) return {"", Status()};
  UniqueFd lock;
  if (!is_trial) {
    auto locked = OpenLocked(folder_ + "/lock", true);
    if (!locked) return {"", tl::unexpected(locked.error())};
    lock = std::move(*locked);
  }
  const std::string& first_digest = outline.digests.begin()->second;
  std::vector<KnownFile> files = Known(first_digest);
  const auto found = std::find_if(files.rbegin(), files.rend(), [&](const KnownFile& known) {
    return Agrees(known.outline, outline);
  });
  std::string salt;
  if (found != files.rend()) {
    salt = found->salt;
    if (outline.lines() <= found->outline.lines()) return {salt, Status()};
    found->outline = outline;
  } else {
    if (!files.empty()) salt = outline.digests.rbegin()->second.substr(0, kIdentityDigits);
    files.push_back({salt, outline});
    // The one without a salt stays: it is who other machines take the file for.
    if (files.size() > kMaxKnownFiles) files.erase(files.begin() + 1);
  }
  return {salt, is_trial ? Status() : Save(first_digest, files)};
}

bool ImportLedger::Extend(const std::string& salt, const FileOutline& outline) {
  if (folder_.empty() || outline.empty()) return true;
  const auto lock = OpenLocked(folder_ + "/lock", true);
  if (!lock) return true;  // SaltOf() said so
  const std::string& first_digest = outline.digests.begin()->second;
  std::vector<KnownFile> files = Known(first_digest);
  const auto found = std::find_if(files.begin(), files.end(),
                                  [&](const KnownFile& known) { return known.salt == salt; });
  if (found == files.end()) return true;
  if (!Agrees(found->outline, outline)) return false;
  if (outline.lines() <= found->outline.lines()) return true;
  found->outline = outline;
  static_cast<void>(Save(first_digest, files));  // the same failure that SaltOf() had
  return true;
}

void OutlineRecorder::Add(std::string_view line) {
  last_ = chain_.Add(line);
  const int64_t number = chain_.lines();
  if (number == 1) {
    for (const KnownFile& known : ledger_.Known(last_)) {
      for (const auto& [at, digest] : known.outline.digests) wanted_.insert(at);
    }
  }
  const bool is_power_of_two = (number & (number - 1)) == 0;
  if (is_power_of_two || wanted_.contains(number)) outline_.digests[number] = last_;
}

const FileOutline& OutlineRecorder::Outline() {
  if (chain_.lines() > 0) outline_.digests[chain_.lines()] = last_;
  return outline_;
}

}  // namespace stagelog::cli
