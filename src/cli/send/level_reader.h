// Determines the log level of foreign lines, where a number alone is ambiguous.
#ifndef STAGELOG_CLI_SEND_LEVEL_READER_H_
#define STAGELOG_CLI_SEND_LEVEL_READER_H_

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "cli/send/foreign_line.h"
#include "client/exit_code.h"
#include "core/level_words.h"

namespace stagelog::cli {

// Words have a fixed meaning. A number is read on the given scale; without one, only if the line
// itself identifies it: by a word beside it (levelname), or by keys that only one program writes
// (journald, GELF, pino, bunyan). Such guesses are counted. One thread at a time.
class LevelReader {
 public:
  // `scale`: null where none was named.
  explicit LevelReader(const LevelScale* scale) : scale_(scale) {}

  // The level that the value at `place` of `line` stands for; empty where the value says that there
  // is none (off, NOTSET, unknown). kUsage, with what is wrong, for any other value.
  CliResult<std::string> Read(const ForeignLine& line, const ForeignLine::Place& place);

  // The level that a text for people begins with (text_level.h); empty where it begins with none.
  std::string ReadText(const std::string& text);

  // What is guessed counts once the line was taken: BeginLine() forgets it, CountLine() counts it.
  void BeginLine() { guess_.clear(); }
  void CountLine();

  // What was guessed and how often, a sentence each.
  std::vector<std::string> Remarks() const;

 private:
  CliResult<std::string> ReadNumber(const ForeignLine& line, const ForeignLine::Place& place,
                                    double number);

  const LevelScale* scale_;
  std::string guess_;  // of the present line
  std::map<std::string, int64_t> guesses_;
};

}  // namespace stagelog::cli

#endif  // STAGELOG_CLI_SEND_LEVEL_READER_H_
