// How a failure gets out of nested loops, in what opens and copies journals.
#ifndef STAGELOG_LOG_FILE_TROUBLE_H_
#define STAGELOG_LOG_FILE_TROUBLE_H_

#include <utility>

#include "base/result.h"

namespace stagelog {

// Thrown inside one function's work only: its outermost frame turns it into a value.
struct FileTrouble {
  Error error;
};

inline void OrThrow(const Status& status) {
  if (!status) throw FileTrouble{status.error()};
}

template <typename T>
T OrThrow(Result<T> result) {
  if (!result) throw FileTrouble{std::move(result.error())};
  return std::move(*result);
}

}  // namespace stagelog

#endif  // STAGELOG_LOG_FILE_TROUBLE_H_
