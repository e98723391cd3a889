// Log levels as other programs spell them. One table of words for all inputs; a number has a
// meaning only together with its scale.
#ifndef STAGELOG_CORE_LEVEL_WORDS_H_
#define STAGELOG_CORE_LEVEL_WORDS_H_

#include <cstdint>
#include <string_view>
#include <vector>

namespace stagelog {

// The level (one of AllLevels()) that `word` stands for; empty for an unknown word. Case and blanks
// around it do not count. Understood: the names and abbreviations of syslog, log4j, Python, Go,
// Rust, .NET and npm (WARN, err, Informational, NOTICE, SUCCESS, FATAL, panic, trace, ...), single
// letters (T D V I N W E C F A), a word with a degree (DEBUG1 to DEBUG5, WARN2), and one with a
// distance as Go's slog prints it (INFO+2). What programs put around a word does not count either:
// colors, brackets, marks ("[warn]", "info:", "**ERROR**"), a number behind it ("INFO[0000]",
// "Warn(30)"), the name of the enumeration before it ("LogLevel.WARNING", "LOG_ERR").
std::string_view LevelOfWord(std::string_view word);

// Whether `word` says that there is no level: off, none, unknown, NOTSET, unspecified, "-" and the
// like, in any case.
bool IsNoLevelWord(std::string_view word);

// A scale of numbers. What lies between two steps counts as the lower one.
struct LevelScale {
  std::string_view name;
  bool falls = false;  // the greater the number, the less severe (syslog)
  int64_t least = 0;   // numbers outside of least..greatest are no levels
  int64_t greatest = 0;
  int64_t info = 0;  // the first number of each level, towards the severe end
  int64_t warning = 0;
  int64_t error = 0;
  int64_t critical = 0;
};

// The scale of that name (case does not count), or null.
const LevelScale* FindLevelScale(std::string_view name);
std::vector<std::string_view> LevelScaleNames();

// The level of `number` on `scale`; empty when the scale has no such number.
std::string_view LevelOfNumber(const LevelScale& scale, double number);

}  // namespace stagelog

#endif  // STAGELOG_CORE_LEVEL_WORDS_H_
