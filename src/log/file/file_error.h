// How the code that opens and copies journals propagates errors out of nested loops.
#ifndef STAGELOG_LOG_FILE_FILE_ERROR_H_
#define STAGELOG_LOG_FILE_FILE_ERROR_H_

#include <utility>

#include "base/result.h"

namespace stagelog {

// Thrown and caught within one function: its outermost frame turns it into a value.
struct FileError {
  Error error;
};

inline void OrThrow(const Status& status) {
  if (!status) throw FileError{status.error()};
}

template <typename T>
T OrThrow(Result<T> result) {
  if (!result) throw FileError{std::move(result.error())};
  return std::move(*result);
}

}  // namespace stagelog

#endif  // STAGELOG_LOG_FILE_FILE_ERROR_H_
