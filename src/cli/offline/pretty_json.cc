#include "cli/offline/pretty_json.h"

namespace stagelog::cli {
namespace {

// The end of the string that begins at `start`.
size_t StringEnd(std::string_view json, size_t start) {
  size_t at = start + 1;
  while (at < json.size() && json[at] != '"') at += json[at] == '\\' ? 2 : 1;
  return at + 1;
}

void BreakLine(std::string& out, size_t depth) {
  out += '\n';
  out.append(2 * depth, ' ');
}

}  // namespace

std::string PrettyJson(std::string_view compact) {
  std::string out;
  size_t depth = 0;
  for (size_t at = 0; at < compact.size(); ++at) {
    const char c = compact[at];
    if (c == '"') {
      const size_t end = StringEnd(compact, at);
      out += compact.substr(at, end - at);
      at = end - 1;
    } else if (c == '{' || c == '[') {
      out += c;
      const bool is_empty = at + 1 < compact.size() && compact[at + 1] == c + 2;  // "{}" and "[]"
      if (is_empty) {
        out += compact[++at];
      } else {
        BreakLine(out, ++depth);
      }
    } else if (c == '}' || c == ']') {
      BreakLine(out, --depth);
      out += c;
    } else {
      out += c;
      if (c == ',') BreakLine(out, depth);
      if (c == ':') out += ' ';
    }
  }
  return out;
}

}  // namespace stagelog::cli
