#include "tests/support/schema_script.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>
#include <sstream>

namespace stagelog {
namespace {

// The one that Debian's packages are for.
constexpr const char* kPython = "/usr/bin/python3 -W ignore ";

}  // namespace

bool HasJsonSchema() {
  return std::system((kPython + std::string("-c 'import jsonschema' 2>/dev/null")).c_str()) == 0;
}

int RunSchemaScript(const std::string& folder, const std::string& script,
                    const std::vector<std::string>& arguments, const std::string& input) {
  const std::string base = folder + "/schema-check";
  std::ofstream(base + ".py") << script;
  std::ofstream(base + ".in") << input;
  std::string command = kPython + base + ".py";
  for (const std::string& argument : arguments) command += " '" + argument + "'";
  const int result = std::system((command + " <" + base + ".in >" + base + ".out 2>&1").c_str());
  std::ostringstream output;
  output << std::ifstream(base + ".out").rdbuf();
  EXPECT_EQ(result, 0) << output.str();
  return std::atoi(output.str().c_str());
}

}  // namespace stagelog
