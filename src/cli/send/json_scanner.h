// Finds the end of a JSON value in text that arrives in pieces.
#ifndef STAGELOG_CLI_SEND_JSON_SCANNER_H_
#define STAGELOG_CLI_SEND_JSON_SCANNER_H_

#include <cstddef>
#include <string>
#include <string_view>

namespace stagelog::cli {

// Reads one value (RFC 8259) byte by byte. Knows brackets, commas, colons and strings; whether a
// number or an escape is well-formed is for a parser to say. Memory: a byte per level. One thread
// at a time.
class JsonScanner {
 public:
  enum class State {
    kMore,     // the value has not ended
    kDone,     // it ended with the last byte that was taken; of a number, before that
    kInvalid,  // no value begins like that
  };

  // Takes bytes of `text` until the value has ended or cannot be one; `used` is how many of them
  // belong to it.
  State Add(std::string_view text, size_t& used);

 private:
  enum class Expected { kValue, kValueOrEnd, kKey, kKeyOrEnd, kColon, kCommaOrEnd };

  State Take(char c);
  State Open(char c);
  State Close(char c);
  State AfterValue();

  std::string open_;  // the brackets that close what is open
  Expected expected_ = Expected::kValue;
  bool is_in_string_ = false;
  bool is_in_word_ = false;  // a number, true, false, null
  bool is_key_ = false;      // the string is one
  bool is_escaped_ = false;
};

}  // namespace stagelog::cli

#endif  // STAGELOG_CLI_SEND_JSON_SCANNER_H_
