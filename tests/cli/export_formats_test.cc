// stagelog export for OpenTelemetry and OpenLineage.
#include <map>
#include <regex>
#include <set>
#include <sstream>

#include "tests/cli/command_fixture.h"
#include "tests/support/requirement.h"
#include "tests/support/schema_script.h"

namespace stagelog {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

// Every line is a RunEvent, and each of its facets fits its own schema.
constexpr const char* kLineageCheck = R"(
import json, os, sys
import jsonschema
folder = sys.argv[1]
store = {}
for name in os.listdir(folder):
    schema = json.load(open(os.path.join(folder, name)))
    store[schema['$id']] = schema
spec = store['https://openlineage.io/spec/2-0-2/OpenLineage.json']
def check(schema, instance):
    jsonschema.Draft202012Validator(
        schema, resolver=jsonschema.RefResolver.from_schema(schema, store=store),
        format_checker=jsonschema.FormatChecker()).validate(instance)
count = 0
for line in sys.stdin:
    event = json.loads(line)
    check(spec, event)
    for facets in (event['run'].get('facets', {}), event['job'].get('facets', {})):
        for name, facet in facets.items():
            check(store[facet['_schemaURL']], {name: facet})
            count += 1
print(count)
)";

class ExportFormatsTest : public CommandTest {
 protected:
  void SetUp() override { StartDaemon(); }

  std::vector<Json> Lineage(const std::string& source) {
    std::istringstream lines(Run({"export", source, "--format", "openlineage"}).out);
    std::vector<Json> events;
    for (std::string line; std::getline(lines, line);) events.push_back(Json::parse(line));
    return events;
  }

  // "START render.encode" of each.
  std::vector<std::string> Summary(const std::string& source) {
    std::vector<std::string> words;
    for (const Json& event : Lineage(source)) {
      words.push_back(event["eventType"].get<std::string>() + " " +
                      event["job"]["name"].get<std::string>());
    }
    return words;
  }

  Json Spans(const std::string& source) {
    const Json request = Json::parse(Run({"export", source, "--format", "otlp"}).out);
    return request["resourceSpans"][0]["scopeSpans"][0]["spans"];
  }

  static Json Attribute(const Json& span, const std::string& key) {
    for (const Json& attribute : span["attributes"]) {
      if (attribute["key"] == key) return attribute["value"];
    }
    return nullptr;
  }

  void FillJob() {
    for (const char* event :
         {R"({"type":"job_created","payload":{"pipeline":"render","labels":{"team":"video"}}})",
          R"({"type":"job_started"})", R"({"type":"stage_started","stage":"train"})",
          R"({"type":"stage_started","stage":"train/epoch-1"})",
          R"({"type":"stage_failed","stage":"train/epoch-1","message":"out of memory"})",
          R"({"type":"stage_started","stage":"train/epoch-1"})",
          R"({"type":"stage_completed","stage":"train/epoch-1"})",
          R"({"type":"stage_completed","stage":"train"})",
          R"({"type":"gate_pause","gate":"deploy","payload":{"prompt":"Ship it?"}})",
          R"({"type":"gate_approved","gate":"deploy"})",
          R"({"type":"log","message":"a line","level":"warning"})",
          R"({"type":"stage_started","stage":"encode"})",
          R"({"type":"job_failed","message":"no space"})", R"({"type":"log","message":"late"})",
          R"({"type":"job_resumed"})", R"({"type":"job_completed"})"}) {
      Append("job", event);
    }
  }
};

TEST_F(ExportFormatsTest, RunsOfOpenLineageBeginAndEndOnce) {
  FillJob();
  EXPECT_THAT(
      Summary("job"),
      ElementsAre("START render", "START render.train", "START render.train/epoch-1",
                  "FAIL render.train/epoch-1", "START render.train/epoch-1",
                  "COMPLETE render.train/epoch-1", "COMPLETE render.train", "START render.encode",
                  "ABORT render.encode", "FAIL render", "START render", "COMPLETE render"));
  const std::vector<Json> events = Lineage("job");
  EXPECT_EQ(events[3]["run"]["facets"]["errorMessage"]["message"], "out of memory");
  EXPECT_EQ(events[1]["run"]["facets"]["parent"]["run"]["runId"], events[0]["run"]["runId"]);
  EXPECT_EQ(events[0]["run"]["facets"]["tags"]["tags"][0]["value"], "video");
  EXPECT_NE(events[2]["run"]["runId"], events[4]["run"]["runId"]) << "another attempt";
  EXPECT_NE(events[0]["run"]["runId"], events[10]["run"]["runId"]) << "another epoch";
  EXPECT_EQ(Lineage(runs_dir() + "/job"), events) << "the file says the same";
}

TEST_F(ExportFormatsTest, TheTimeThatAJobWasScheduledFor) {
  Append("job", R"({"type":"job_created","payload":{"nominal_start":"2026-11-21T03:00:00Z",
                    "nominal_end":"2026-11-22T03:00:00Z"}})");
  Append("job", R"({"type":"job_started"})");
  Append("job", R"({"type":"job_completed"})");
  Append("other", R"({"type":"job_created","payload":{"nominal_start":"soon"}})");
  Append("other", R"({"type":"job_started"})");
  for (const Json& event : Lineage("job")) {
    const Json& facet = event["run"]["facets"]["nominalTime"];
    EXPECT_EQ(facet["nominalStartTime"], "2026-11-21T03:00:00Z");
    EXPECT_EQ(facet["nominalEndTime"], "2026-11-22T03:00:00Z");
  }
  EXPECT_FALSE(Lineage("other")[0]["run"]["facets"].contains("nominalTime"));
}

TEST_F(ExportFormatsTest, ARunThatIsReplacedEndsBeforeTheNextBegins) {
  for (const char* event :
       {R"({"type":"job_started"})", R"({"type":"stage_started","stage":"a"})",
        R"({"type":"job_resumed","payload":{"new_epoch":true}})",
        R"({"type":"stage_started","stage":"a"})", R"({"type":"stage_completed","stage":"a"})",
        R"({"type":"job_completed"})"}) {
    Append("job", event);
  }
  EXPECT_THAT(Summary("job"),
              ElementsAre("START job", "START job.a", "ABORT job.a", "ABORT job", "START job",
                          "START job.a", "COMPLETE job.a", "COMPLETE job"));
  const std::vector<Json> events = Lineage("job");
  EXPECT_EQ(events[2]["run"]["facets"]["parent"]["run"]["runId"], events[0]["run"]["runId"]);
}

TEST_F(ExportFormatsTest, AStageBelongsToTheAttemptThatRan) {
  for (const char* event :
       {R"({"type":"stage_started","stage":"a"})", R"({"type":"stage_failed","stage":"a"})",
        R"({"type":"stage_started","stage":"a"})", R"({"type":"stage_started","stage":"a/b"})",
        R"({"type":"stage_failed","stage":"a"})", R"({"type":"stage_started","stage":"a"})"}) {
    Append("job", event);
  }
  const Json spans = Spans("job");
  ASSERT_EQ(spans.size(), 5U);
  EXPECT_EQ(spans[3]["name"], "a/b");
  EXPECT_EQ(spans[3]["parentSpanId"], spans[2]["spanId"]);
}

TEST_F(ExportFormatsTest, AJobThatWasNeverStartedByNameBeginsWithItsFirstStage) {
  Append("job", R"({"type":"stage_started","stage":"a"})");
  Append("job", R"({"type":"job_canceled"})");
  EXPECT_THAT(Summary("job"), ElementsAre("START job", "START job.a", "ABORT job.a", "ABORT job"));
}

TEST_F(ExportFormatsTest, EventsOfOpenLineageFitItsSchemas) {
  if (!HasJsonSchema()) SKIP_TEST() << "python3-jsonschema is not installed";
  FillJob();
  const std::string lines = Run({"export", "job", "--format", "openlineage"}).out;
  EXPECT_GE(RunSchemaScript(cli_.Path(""), kLineageCheck, {STAGELOG_LINEAGE_SCHEMAS}, lines), 20);
}

TEST_F(ExportFormatsTest, ATraceOfSpansForACollector) {
  FillJob();
  const Json spans = Spans("job");
  const std::regex hex("[0-9a-f]*");
  std::map<std::string, Json> by_id;
  for (const Json& span : spans) {
    const std::string id = span["spanId"];
    EXPECT_TRUE(by_id.emplace(id, span).second) << id;
    EXPECT_TRUE(id.size() == 16 && std::regex_match(id, hex)) << id;
    const std::string trace = span["traceId"];
    EXPECT_TRUE(trace.size() == 32 && std::regex_match(trace, hex)) << trace;
    EXPECT_EQ(trace, spans[0]["traceId"]);
    EXPECT_TRUE(span["startTimeUnixNano"].is_string() && span["endTimeUnixNano"].is_string());
    EXPECT_LE(std::stoll(span["startTimeUnixNano"].get<std::string>()),
              std::stoll(span["endTimeUnixNano"].get<std::string>()));
    EXPECT_EQ(span["kind"], &span == &spans[0] ? 2 : 1);
  }
  ASSERT_EQ(spans.size(), 6U);  // the run, train, two attempts, encode, a gate
  EXPECT_FALSE(spans[0].contains("parentSpanId"));
  EXPECT_EQ(spans[0]["name"], "RUN render");
  EXPECT_EQ(Attribute(spans[0], "cicd.pipeline.result")["stringValue"], "success");
  EXPECT_EQ(Attribute(spans[0], "stagelog.label.team")["stringValue"], "video");
  EXPECT_EQ(Attribute(spans[0], "stagelog.epoch")["intValue"], "2");
  EXPECT_EQ(by_id[spans[2]["parentSpanId"]]["name"], "train");
  EXPECT_EQ(by_id[spans[1]["parentSpanId"]]["name"], "RUN render");
  EXPECT_EQ(spans[2]["status"]["code"], 2);
  EXPECT_EQ(spans[2]["status"]["message"], "out of memory");
  EXPECT_EQ(Attribute(spans[2], "error.type")["stringValue"], "_OTHER");
  EXPECT_EQ(Attribute(spans[3], "cicd.pipeline.task.run.result")["stringValue"], "success");
  EXPECT_EQ(Attribute(spans[4], "cicd.pipeline.task.run.result")["stringValue"], "cancellation");
  EXPECT_EQ(spans[5]["name"], "wait for deploy");
  std::set<std::string> names;
  for (const Json& event : spans[0]["events"]) names.insert(event["name"]);
  EXPECT_TRUE(names.contains("log") && names.contains("job_resumed"));
  EXPECT_EQ(Spans(runs_dir() + "/job"), spans) << "the file says the same";
}

TEST_F(ExportFormatsTest, WhatHasNotEndedSaysSo) {
  Append("job", R"({"type":"stage_started","stage":"encode"})");
  const Json spans = Spans("job");
  ASSERT_EQ(spans.size(), 2U);
  EXPECT_EQ(Attribute(spans[0], "stagelog.unfinished")["boolValue"], true);
  EXPECT_EQ(Attribute(spans[0], "cicd.pipeline.run.state")["stringValue"], "executing");
  EXPECT_EQ(Attribute(spans[1], "stagelog.unfinished")["boolValue"], true);
  EXPECT_EQ(spans[1]["endTimeUnixNano"], spans[0]["endTimeUnixNano"]);
}

// The programs of a run hang their own spans below the run's.
TEST_F(ExportFormatsTest, ARunGoesOnWithTheTraceOfItsCaller) {
  const std::string trace = "4bf92f3577b34da6a3ce929d0e0e4736";
  cli_.SetEnvironment("TRACEPARENT", "00-" + trace + "-00f067aa0ba902b7-01");
  cli_.SetEnvironment("TRACESTATE", "vendor=1");
  Run({"run", "--job", "traced", "--", "sh", "-c", "echo $TRACEPARENT $TRACESTATE"});
  const Json spans = Spans("traced");
  EXPECT_EQ(spans[0]["traceId"], trace);
  EXPECT_EQ(spans[0]["parentSpanId"], "00f067aa0ba902b7");
  const std::string log = Json::parse(Lines("traced")[2])["message"];
  EXPECT_EQ(log, "00-" + trace + "-" + spans[0]["spanId"].get<std::string>() + "-01 vendor=1");
  cli_.SetEnvironment("TRACEPARENT", "00-" + trace + "-0000000000000000-01");
  Run({"run", "--job", "begun", "--", "sh", "-c", "echo $TRACEPARENT $TRACESTATE"});
  const Json begun = Spans("begun");
  EXPECT_NE(begun[0]["traceId"], trace);
  EXPECT_FALSE(begun[0].contains("parentSpanId"));
  EXPECT_EQ(Json::parse(Lines("begun")[2])["message"],
            "00-" + begun[0]["traceId"].get<std::string>() + "-" +
                begun[0]["spanId"].get<std::string>() + "-01");
}

TEST_F(ExportFormatsTest, HelpNamesEveryFormat) {
  EXPECT_THAT(Run({"export", "--help"}).out, HasSubstr("openlineage"));
}

}  // namespace
}  // namespace stagelog
