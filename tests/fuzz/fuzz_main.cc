// What libFuzzer calls. The program has one target.
#include <cstddef>

#include "base/check.h"
#include "base/logging.h"
#include "tests/fuzz/fuzz_target.h"

extern "C" int LLVMFuzzerInitialize(int*, char***) {
  SetLogLevel(LogLevel::kOff);
  STAGELOG_CHECK(stagelog::FuzzTargets().size() == 1);
  return 0;
}

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string bytes(data, data + size);
  stagelog::FuzzTargets().front().run(bytes);
  return 0;
}
