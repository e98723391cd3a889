// Secrets that a configuration refers to instead of holding them.
#ifndef STAGELOG_APP_SECRET_VALUE_H_
#define STAGELOG_APP_SECRET_VALUE_H_

#include <cstddef>
#include <optional>
#include <string>

#include "app/yaml_value.h"

namespace stagelog {

// What stands in the file that `value` names, without white space around it: at most `max_bytes`. A
// relative path starts at the configuration's folder. `what` is how messages call the secret. Notes
// what is wrong, and never repeats what is in the file.
std::optional<std::string> ReadSecretFile(const YamlValue& value, const std::string& what,
                                          size_t max_bytes);

// The same of an environment variable.
std::optional<std::string> ReadSecretVariable(const YamlValue& value, const std::string& what);

}  // namespace stagelog

#endif  // STAGELOG_APP_SECRET_VALUE_H_
