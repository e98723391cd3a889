// The description of the API says what the route table and the table of problems say, no less and
// no more. Whether answers fit it: tests/e2e/openapi_test.cc.
#include "api/openapi.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <nlohmann/json.hpp>
#include <set>
#include <sstream>
#include <string>

#include "http/problem.h"
#include "tests/support/api_routes.h"

namespace stagelog::openapi_test {
namespace {

using Json = nlohmann::json;
using Words = std::set<std::string>;

const Json& Document() {
  static const Json document = Json::parse(OpenApiDocument());
  return document;
}

// "GET /api/v1/jobs/{job}/stages/{path}".
std::string NameOf(const Route& route) {
  std::string pattern = route.pattern;
  if (const size_t star = pattern.find("*}"); star != std::string::npos) pattern.erase(star, 1);
  return route.method + " " + pattern;
}

const Json& Resolved(const Json& node) {
  if (!node.contains("$ref")) return node;
  return Document().at(Json::json_pointer(node["$ref"].get<std::string>().substr(1)));
}

// The operations of the document, by name.
std::map<std::string, Json> Operations() {
  std::map<std::string, Json> operations;
  for (const auto& [path, item] : Document()["paths"].items()) {
    for (const auto& [method, operation] : item.items()) {
      std::string upper = method;
      for (char& c : upper) c = static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
      operations[upper + " " + path] = operation;
    }
  }
  return operations;
}

Words ParametersIn(const Json& operation, const std::string& place) {
  Words names;
  for (const Json& parameter : operation.value("parameters", Json::array())) {
    const Json& whole = Resolved(parameter);
    if (whole["in"] == place) names.insert(whole["name"]);
  }
  return names;
}

// "unknown_gate, unknown_job": the codes of a refusal, which are its description.
Words CodesOf(const Json& response) {
  std::istringstream text(response["description"].get<std::string>());
  Words codes;
  for (std::string code; std::getline(text >> std::ws, code, ',');) codes.insert(code);
  return codes;
}

TEST(OpenApiTest, EveryRouteAndNoOther) {
  Words routes;
  for (const Route& route : RoutesOfApi()) routes.insert(NameOf(route));
  Words described;
  for (const auto& [name, operation] : Operations()) described.insert(name);
  EXPECT_EQ(described, routes);
}

TEST(OpenApiTest, EveryParameterAndNoOther) {
  const auto operations = Operations();
  for (const Route& route : RoutesOfApi()) {
    const Json& operation = operations.at(NameOf(route));
    EXPECT_EQ(ParametersIn(operation, "query"),
              Words(route.parameters.begin(), route.parameters.end()))
        << NameOf(route);
    size_t captures = 0;
    for (const char c : route.pattern) captures += c == '{' ? 1 : 0;
    EXPECT_EQ(ParametersIn(operation, "path").size(), captures) << NameOf(route);
  }
}

TEST(OpenApiTest, EveryMediaTypeAndNoOther) {
  const auto operations = Operations();
  for (const Route& route : RoutesOfApi()) {
    const Json& operation = operations.at(NameOf(route));
    if (!operation.contains("requestBody")) continue;
    EXPECT_TRUE(route.takes_body) << NameOf(route);
    Words types;
    for (const auto& [type, content] : operation["requestBody"]["content"].items())
      types.insert(type);
    EXPECT_EQ(types, Words(route.body_types.names.begin(), route.body_types.names.end()))
        << NameOf(route);
  }
}

TEST(OpenApiTest, AccessIsAsTheTableHasIt) {
  const auto operations = Operations();
  for (const Route& route : RoutesOfApi()) {
    const Json& operation = operations.at(NameOf(route));
    const bool is_open = operation.contains("security") && operation["security"].empty();
    const bool signs_in = route.access == Access::kSignIn;
    EXPECT_EQ(is_open, route.access == Access::kOpen || signs_in) << NameOf(route);
    EXPECT_EQ(operation["responses"].contains("401"), !is_open || signs_in) << NameOf(route);
    const bool takes_tickets =
        route.access == Access::kReaderOrTicket || route.access == Access::kAppenderOrTicket;
    const Json security = operation.value("security", Json::array());
    const bool names_tickets =
        std::any_of(security.begin(), security.end(),
                    [](const Json& scheme) { return scheme.contains("ticket"); });
    EXPECT_EQ(names_tickets, takes_tickets && route.method == "GET") << NameOf(route);
  }
}

TEST(OpenApiTest, EveryProblemAndNoOther) {
  const Json& problem = Document()["components"]["schemas"]["Problem"];
  std::map<std::string, int> described = problem["x-status-of-code"];
  EXPECT_EQ(described, ProblemStatuses());
  EXPECT_EQ(problem["properties"]["code"]["enum"].get<Words>().size(), described.size());
  Words statuses;
  for (const auto& [name, operation] : Operations()) {
    for (const auto& [status, response] : operation["responses"].items()) statuses.insert(status);
  }
  for (const auto& [name, operation] : Operations()) {
    for (const auto& [status, response] : operation["responses"].items()) {
      if (!response.contains("$ref")) continue;
      for (const std::string& code : CodesOf(response)) {
        ASSERT_TRUE(described.contains(code)) << name << " " << code;
        EXPECT_EQ(std::to_string(described[code]), status) << name << " " << code;
      }
    }
  }
  // Those that are about a request as a whole, whatever its path.
  const Words of_heads = {"404", "405", "414", "431", "505", "500", "403"};
  for (const auto& [code, status] : described) {
    const std::string text = std::to_string(status);
    EXPECT_TRUE(statuses.contains(text) || of_heads.contains(text)) << code << " " << text;
  }
}

}  // namespace
}  // namespace stagelog::openapi_test
