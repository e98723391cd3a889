// Reads the lines that a container's runtime wraps around those of a program.
#ifndef STAGELOG_CLI_SEND_CONTAINER_LINE_H_
#define STAGELOG_CLI_SEND_CONTAINER_LINE_H_

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "cli/send/foreign_line.h"

namespace stagelog::cli {

// What a program printed, and what the runtime says about it.
struct ContainerLine {
  std::string text;    // without its newline
  std::string about;   // a JSON object: the time, the stream, Docker's other members
  std::string stream;  // stdout, stderr; empty where the line does not say
  bool is_docker = false;
  bool is_ended = true;      // false: the program's line goes on in the next one of the stream
  bool is_repaired = false;  // U+FFFD stands for half of a character
  int64_t part = 1;          // of a line too long to be joined

  bool is_whole() const { return part == 1 && is_ended; }
};

// `line` as a line of CRI (containerd, CRI-O: "2026-11-28T21:00:00.1Z stdout F text") or, where
// `reads_docker`, of Docker's json-file driver ({"log":"text\n","stream":"stdout","time":"..."}).
// No value for any other.
std::optional<ContainerLine> ReadContainerLine(std::string_view line, bool reads_docker);

// A program's line, whole or (where it is too long) a part.
struct JoinedLine {
  ContainerLine line;  // `about` is that of its first piece
  int64_t number = 0;  // of its last piece in the input
  std::string id;      // likewise
};

// Joins the pieces in which runtimes store long lines (Docker: 16 KiB), each stream by itself. One
// thread at a time. Memory: kMaxJoinedBytes and a piece for each stream.
class ContainerLines {
 public:
  // Beyond that a line comes in parts of whole pieces; an event has at most 256 KiB.
  static constexpr size_t kMaxJoinedBytes = size_t{128} << 10;

  // The lines that are complete with `piece`.
  std::vector<JoinedLine> Add(ContainerLine piece, int64_t number, std::string id);
  // The lines that have no end, as parts: a prompt, or what somebody is still writing.
  std::vector<JoinedLine> Finish();

 private:
  std::map<std::string, JoinedLine> open_;  // by the stream
};

}  // namespace stagelog::cli

#endif  // STAGELOG_CLI_SEND_CONTAINER_LINE_H_
