// What we give in other formats, held against the schemas of their specifications
// (tests/vectors/schemas) by python3-jsonschema.
#include <gmock/gmock.h>

#include <filesystem>
#include <fstream>
#include <map>
#include <sstream>
#include <string>

#include "tests/support/daemon_fixture.h"
#include "tests/support/requirement.h"
#include "tests/support/schema_script.h"

namespace stagelog {
namespace {

namespace fs = std::filesystem;

constexpr const char* kValidator = R"(
import json, os, sys
import jsonschema
folder, events = sys.argv[1], json.load(sys.stdin)
store = {}
for at, _, names in os.walk(folder):
    for name in (name for name in names if name.endswith('.json')):
        schema = json.load(open(os.path.join(at, name)))
        if isinstance(schema, dict) and '$id' in schema:
            store[schema['$id']] = schema
def check(schema, instance):
    resolver = jsonschema.RefResolver.from_schema(schema, store=store)
    kind = jsonschema.validators.validator_for(schema)
    kind(schema, resolver=resolver, format_checker=jsonschema.FormatChecker()).validate(instance)
envelope = json.load(open(folder + '/cloudevents/cloudevents.json'))
count = 0
for event in events:
    check(envelope, event)
    if event['type'].startswith('dev.cdevents.'):
        kind = ''.join(event['type'].split('.')[2:4])
        check(json.load(open(folder + '/cdevents/schemas/' + kind + '.json')), event['data'])
        count += 1
print(count)
)";

std::string ReadAll(const fs::path& path) {
  std::ostringstream text;
  text << std::ifstream(path).rdbuf();
  return text.str();
}

class SchemasTest : public DaemonTest {
 protected:
  void SetUp() override {
    if (!HasJsonSchema()) SKIP_TEST() << "python3-jsonschema is not installed";
    Start();
  }

  // Fails the test unless all events fit; returns how many were CDEvents.
  int Validate(const std::string& events) {
    return RunSchemaScript(directory_.path(), kValidator, {folder_.string()}, events);
  }

  const fs::path folder_ = STAGELOG_SCHEMAS;
};

TEST_F(SchemasTest, EveryEventFitsTheSchemasOfItsFormat) {
  for (const char* event :
       {R"({"type":"job_created","payload":{"pipeline":"release"}})", R"({"type":"job_started"})",
        R"({"type":"stage_started","stage":"train/epoch-3","attempt":2})",
        R"({"type":"stage_failed","stage":"train/epoch-3","message":"out of memory"})",
        R"({"type":"stage_completed","stage":"encode","payload":{"fps":23.97}})",
        R"({"type":"gate_pause","gate":"deploy","payload":{"prompt":"go?"}})",
        R"({"type":"gate_approved","gate":"deploy","message":"go"})",
        R"({"type":"gate_pause","gate":"sign"})", R"({"type":"gate_rejected","gate":"sign"})",
        R"({"type":"gate_pause","gate":"ship"})", R"({"type":"gate_expired","gate":"ship"})",
        R"({"type":"log","message":"a \"quoted\" line"})", R"({"type":"x-scan","status":"clean"})",
        R"({"type":"job_failed","message":"no space"})", R"({"type":"job_resumed"})",
        R"({"type":"job_completed"})"}) {
    Append("job", event);
  }
  EXPECT_EQ(Validate(admin().Get(std::string(kEvents) + "?after=0&format=cdevents").body), 14);
  EXPECT_EQ(Validate(admin().Get(std::string(kEvents) + "?after=0&format=cloudevents").body), 0);
}

// The examples that come with the specification.
TEST_F(SchemasTest, TheConformanceFilesOfCdEventsAreTaken) {
  const std::map<std::string, std::string> expected = {
      {"approval_closed", "gate_approved"},
      {"approval_created", "gate_pause"},
      {"approval_updated", "x-cdevents.approval.updated"},
      {"pipelinerun_finished", "job_failed"},
      {"pipelinerun_queued", "job_created"},
      {"pipelinerun_started", "job_started"},
      {"taskrun_finished", "stage_failed"},
      {"taskrun_started", "stage_started"}};
  size_t count = 0;
  for (const auto& entry : fs::directory_iterator(folder_ / "cdevents" / "conformance")) {
    const std::string text = ReadAll(entry.path());
    const Json context = Json::parse(text)["context"];
    const HttpHeaders attributes = {{"ce-specversion", "1.0"},
                                    {"ce-id", std::to_string(++count)},
                                    {"ce-source", context["source"]},
                                    {"ce-type", context["type"]},
                                    {"ce-time", context["timestamp"]}};
    const HttpResponse taken = admin().Post("/api/v1/events", text, "application/json", attributes);
    EXPECT_EQ(taken.status, 201) << entry.path() << taken.body;
    const Json event = GetJson("/api/v1/events?limit=1")["events"][0];
    EXPECT_EQ(event["type"], expected.at(entry.path().stem().string())) << event;
    EXPECT_EQ(event["payload"]["x-cdevent"], Json::parse(text));
    EXPECT_EQ(event["occurred_at"], context["timestamp"]);
  }
  EXPECT_EQ(count, expected.size());
}

}  // namespace
}  // namespace stagelog
