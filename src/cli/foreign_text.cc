#include "cli/foreign_text.h"

#include "base/terminal_text.h"

namespace stagelog::cli {
namespace {

// More codes than this before one text are no colours but mischief.
constexpr size_t kMaxCodeBytes = 256;

// Length of the SGR sequence at the beginning of `text`; 0: there is none.
size_t SgrLength(std::string_view text) {
  if (!text.starts_with("\033[")) return 0;
  const size_t end = text.find_first_not_of("0123456789;:", 2);
  return end != std::string_view::npos && text[end] == 'm' ? end + 1 : 0;
}

// "\033[m" and "\033[0m" take back what came before. Concealed text (8) would hide something from
// the one who reads: that sequence is passed over.
void TakeCodes(std::string& codes, std::string_view sequence) {
  const std::string_view figures = sequence.substr(2, sequence.size() - 3);
  if (figures.find_first_not_of("0") == std::string_view::npos) return codes.clear();
  const bool conceals = (";" + std::string(figures) + ";").find(";8;") != std::string::npos;
  if (conceals || codes.size() + sequence.size() > kMaxCodeBytes) return;
  codes += sequence;
}

}  // namespace

std::string OneLine(std::string_view text) {
  while (text.ends_with('\n') || text.ends_with('\r')) text.remove_suffix(1);
  std::string out;
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '\t') {
      out += "  ";
    } else if (text[i] == '\n') {
      out += " \u21b5 ";
    } else if (text[i] != '\r' || text.substr(i, 2) != "\r\n") {
      out += text[i];
    }
  }
  return EscapeControls(out);
}

void AddColoredText(StyledLine& line, std::string_view text) {
  std::string codes;
  size_t from = 0;
  for (size_t at = text.find('\033'); at != std::string_view::npos; at = text.find('\033', at)) {
    const size_t length = SgrLength(text.substr(at));
    if (length == 0) {
      ++at;
      continue;
    }
    line.AddWithCodes(codes, OneLine(text.substr(from, at - from)));
    TakeCodes(codes, text.substr(at, length));
    at += length;
    from = at;
  }
  line.AddWithCodes(codes, OneLine(text.substr(from)));
}

}  // namespace stagelog::cli
