// An assertion that stays on in every build: if an invariant of the journal is broken, the process
// must stop.
#ifndef STAGELOG_BASE_CHECK_H_
#define STAGELOG_BASE_CHECK_H_

namespace stagelog {

[[noreturn]] void CheckFailed(const char* condition, const char* file, int line);

}  // namespace stagelog

#define STAGELOG_CHECK(condition)                                              \
  do {                                                                         \
    if (!(condition)) ::stagelog::CheckFailed(#condition, __FILE__, __LINE__); \
  } while (false)

#endif  // STAGELOG_BASE_CHECK_H_
