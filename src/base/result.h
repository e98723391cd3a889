// Values for expected failures. Broken invariants are not values: see check.h.
#ifndef STAGELOG_BASE_RESULT_H_
#define STAGELOG_BASE_RESULT_H_

#include <string>
#include <tl/expected.hpp>
#include <utility>

namespace stagelog {

// What went wrong, as a message for users. `error_number` is the errno, or 0.
struct Error {
  std::string message;
  int error_number = 0;
};

template <typename T>
using Result = tl::expected<T, Error>;

// Success carries nothing; a failure carries an Error.
using Status = Result<void>;

inline tl::unexpected<Error> Failure(std::string message, int error_number = 0) {
  return tl::unexpected<Error>(Error{std::move(message), error_number});
}

}  // namespace stagelog

#endif  // STAGELOG_BASE_RESULT_H_
