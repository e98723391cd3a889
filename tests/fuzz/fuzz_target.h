// What fuzzers run: a function that takes any bytes and checks what must hold for all of them. The
// same targets are driven by libFuzzer (preset `fuzz`) and, over the corpus, by the plain tests.
#ifndef STAGELOG_TESTS_FUZZ_FUZZ_TARGET_H_
#define STAGELOG_TESTS_FUZZ_FUZZ_TARGET_H_

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace stagelog {

struct FuzzTarget {
  std::string name;  // of its folder in corpus/
  void (*run)(std::string_view input);
};

// The targets that are linked in.
std::vector<FuzzTarget>& FuzzTargets();

struct FuzzRegistration {
  FuzzRegistration(const char* name, void (*run)(std::string_view input)) {
    FuzzTargets().push_back({name, run});
  }
};

// Numbers from the front of an input, so that what is text stays readable in the corpus.
class FuzzInput {
 public:
  explicit FuzzInput(std::string_view bytes) : bytes_(bytes) {}

  // 0 when nothing is left.
  uint8_t TakeByte();
  // The text before the next newline; all of it when there is none.
  std::string_view TakeLine();
  bool empty() const { return bytes_.empty(); }
  std::string_view rest() const { return bytes_; }

 private:
  std::string_view bytes_;
};

// Ends the process, showing both, unless they are equal.
void CheckSameText(const char* what, std::string_view a, std::string_view b);

// Ends the process, showing the text, unless it is well-formed UTF-8.
void CheckIsUtf8(const char* what, std::string_view text);

}  // namespace stagelog

// STAGELOG_FUZZ_TARGET(framing) { ... input ... }
#define STAGELOG_FUZZ_TARGET(name)                                                         \
  static void Fuzz_##name(std::string_view input);                                         \
  static const ::stagelog::FuzzRegistration fuzz_registration_##name(#name, &Fuzz_##name); \
  static void Fuzz_##name(std::string_view input)

#endif  // STAGELOG_TESTS_FUZZ_FUZZ_TARGET_H_
