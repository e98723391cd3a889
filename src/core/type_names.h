// The names of all known types, as lists of words are wanted.
#ifndef STAGELOG_CORE_TYPE_NAMES_H_
#define STAGELOG_CORE_TYPE_NAMES_H_

#include <string_view>
#include <vector>

#include "core/vocabulary.h"

namespace stagelog {

// In the order of AllTypes(); without the user's own.
inline std::vector<std::string_view> TypeNames() {
  std::vector<std::string_view> names;
  for (const TypeTraits& row : AllTypes()) names.push_back(row.name);
  return names;
}

}  // namespace stagelog

#endif  // STAGELOG_CORE_TYPE_NAMES_H_
