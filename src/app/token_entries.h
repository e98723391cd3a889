// Parses auth.tokens: who may do what, and where each token comes from.
#ifndef STAGELOG_APP_TOKEN_ENTRIES_H_
#define STAGELOG_APP_TOKEN_ENTRIES_H_

#include <optional>
#include <vector>

#include "app/yaml_value.h"
#include "http/access/auth.h"

namespace stagelog {

// The entries of the list `value`. A token stands in it (`token`), or its SHA-256 does
// (`token_sha256`), or it is read now from a file (`token_file`: a relative path starts at the
// configuration's folder; white space around the token does not count) or from an environment
// variable (`token_env`). Notes what is wrong, and never repeats what stands in the list, the files
// or the variables. No value when `value` is no list.
std::optional<std::vector<TokenEntry>> ReadTokenEntries(const YamlValue& value);

}  // namespace stagelog

#endif  // STAGELOG_APP_TOKEN_ENTRIES_H_
