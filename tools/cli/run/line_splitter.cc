#include "tools/cli/run/line_splitter.h"

#include <algorithm>

namespace stagelog::cli {
namespace {

bool ContinuesCharacter(char c) { return (static_cast<unsigned char>(c) & 0xc0U) == 0x80; }

// The greatest place up to `limit` that is not inside a character; `limit` where the bytes are no
// UTF-8 anyway.
size_t CutBetweenCharacters(std::string_view line, size_t limit) {
  size_t cut = limit;
  for (int back = 0; back < 3 && cut > 0 && ContinuesCharacter(line[cut]); ++back) --cut;
  return cut == 0 || ContinuesCharacter(line[cut]) ? limit : cut;
}

}  // namespace

void LineSplitter::Feed(std::string_view bytes, const Take& take) {
  while (!bytes.empty()) {
    const size_t newline = bytes.find('\n');
    const size_t room = kMaxLinePartBytes + 1 - line_.size();
    const size_t taken = std::min({newline, bytes.size(), room});
    line_ += bytes.substr(0, taken);
    bytes.remove_prefix(taken);
    if (line_.size() > kMaxLinePartBytes) {
      CutLongLine(take);
    } else if (taken == newline) {
      bytes.remove_prefix(1);
      EndLine(take);
    }
  }
}

void LineSplitter::End(const Take& take) {
  if (!line_.empty() || parts_ > 0) EndLine(take);
}

void LineSplitter::CutLongLine(const Take& take) {
  const size_t cut = CutBetweenCharacters(line_, kMaxLinePartBytes);
  take({std::string_view(line_).substr(0, cut), ++parts_, true});
  line_.erase(0, cut);
}

void LineSplitter::EndLine(const Take& take) {
  take({line_, parts_ + 1, false});
  line_.clear();
  parts_ = 0;
}

}  // namespace stagelog::cli
