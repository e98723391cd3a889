// Checks against schemas of other formats: small Python programs, which python3-jsonschema serves.
#ifndef STAGELOG_TESTS_SUPPORT_SCHEMA_SCRIPT_H_
#define STAGELOG_TESTS_SUPPORT_SCHEMA_SCRIPT_H_

#include <string>
#include <vector>

namespace stagelog {

// False where python3-jsonschema is not installed.
bool HasJsonSchema();

// Runs `script` with arguments and an input, its files in `folder`. Fails the test unless it exits
// with 0. Returns the number that it prints.
int RunSchemaScript(const std::string& folder, const std::string& script,
                    const std::vector<std::string>& arguments, const std::string& input);

}  // namespace stagelog

#endif  // STAGELOG_TESTS_SUPPORT_SCHEMA_SCRIPT_H_
