// Run events of OpenLineage as drafts. What goes out: tests/cli/export_formats_test.cc.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "core/dialect/open_lineage_decoder.h"

namespace stagelog::open_lineage_test {
namespace {

using Json = nlohmann::json;
using testing::ElementsAre;

constexpr const char* kRun = "0192f0c1-5e8a-7cc3-98c4-dc0c0c07398f";
constexpr const char* kChild = "0192f0c1-5e8a-7cc3-98c4-dc0c0c073990";

Json RunEvent(const char* type) {
  return {{"eventType", type},
          {"eventTime", "2026-11-21T07:41:02.101Z"},
          {"run", {{"runId", kRun}}},
          {"job", {{"namespace", "farm"}, {"name", "nightly etl"}}}};
}

Json ChildEvent(const char* type) {
  Json event = RunEvent(type);
  event["run"]["facets"]["parent"] = {{"run", {{"runId", kRun}}}, {"job", event["job"]}};
  event["run"]["runId"] = kChild;
  event["job"]["name"] = "nightly etl.load";
  return event;
}

std::vector<EventDraft> Drafts(const Json& event) {
  auto decoded = DecodeOpenLineage(event.dump(), {"", "ci"});
  EXPECT_TRUE(decoded) << event << decoded.error().detail;
  return decoded ? decoded->drafts : std::vector<EventDraft>();
}

std::string FieldOf(const Json& event) {
  const auto decoded = DecodeOpenLineage(event.dump(), {"", "ci"});
  return decoded ? "none" : decoded.error().field;
}

std::vector<std::string> Types(const Json& event) {
  std::vector<std::string> types;
  for (const EventDraft& draft : Drafts(event)) types.push_back(draft.type);
  return types;
}

TEST(OpenLineageTest, ARunIsAJob) {
  EXPECT_THAT(Types(RunEvent("START")), ElementsAre("job_created", "job_started"));
  EXPECT_THAT(Types(RunEvent("COMPLETE")), ElementsAre("job_completed"));
  EXPECT_THAT(Types(RunEvent("FAIL")), ElementsAre("job_failed"));
  EXPECT_THAT(Types(RunEvent("ABORT")), ElementsAre("job_canceled"));
  EXPECT_THAT(Types(RunEvent("RUNNING")), ElementsAre("x-openlineage.running"));
  const std::vector<EventDraft> drafts = Drafts(RunEvent("START"));
  EXPECT_EQ(drafts[0].job_id, kRun);
  EXPECT_EQ(Json::parse(drafts[0].payload)["pipeline"], "nightly etl");
  EXPECT_EQ(Json::parse(drafts[1].payload)["x-openlineage"], RunEvent("START"));
  EXPECT_EQ(drafts[1].event_id, Drafts(RunEvent("START"))[1].event_id);
  EXPECT_EQ(drafts[1].occurred_at_micros, 1'795'246'862'101'000);
}

TEST(OpenLineageTest, ARunWithAParentIsAStageOfItsJob) {
  const EventDraft started = Drafts(ChildEvent("START")).front();
  EXPECT_EQ(started.type, "stage_started");
  EXPECT_EQ(started.stage, "load");
  EXPECT_EQ(started.job_id, Drafts(RunEvent("START"))[0].job_id);
  Json failed = ChildEvent("FAIL");
  failed["run"]["facets"]["errorMessage"] = {{"message", "no space"}};
  EXPECT_EQ(Drafts(failed).front().message, "no space");
  EXPECT_EQ(Drafts(ChildEvent("ABORT")).front().status, "canceled");
}

TEST(OpenLineageTest, ARunIsCreatedOnceAndItsIdIsReadInEitherCase) {
  const std::vector<EventDraft> first = Drafts(RunEvent("START"));
  Json again = RunEvent("START");
  again["eventTime"] = "2026-11-21T07:41:03Z";
  std::string upper = kRun;
  for (char& c : upper) c = static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
  again["run"]["runId"] = upper;
  const std::vector<EventDraft> second = Drafts(again);
  EXPECT_EQ(second[0].event_id, first[0].event_id);
  EXPECT_EQ(second[0].job_id, first[0].job_id);
  EXPECT_NE(second[1].event_id, first[1].event_id);
}

TEST(OpenLineageTest, TagsAndTheNominalTimeAreOfTheJob) {
  Json event = RunEvent("START");
  const std::string plain_id = Drafts(event)[0].event_id;
  event["run"]["facets"]["tags"]["tags"] = {{{"key", "team"}, {"value", "film"}},
                                            {{"key", "team"}, {"value", "second"}},
                                            {{"key", "a key"}, {"value", "that no label has"}},
                                            {{"key", "number"}, {"value", 1}},
                                            "text"};
  event["run"]["facets"]["nominalTime"] = {{"nominalStartTime", "2026-11-21T03:00:00.000Z"},
                                           {"nominalEndTime", "tomorrow"}};
  const EventDraft created = Drafts(event)[0];
  EXPECT_EQ(Json::parse(created.payload), (Json{{"pipeline", "nightly etl"},
                                                {"labels", {{"team", "film"}}},
                                                {"nominal_start", "2026-11-21T03:00:00.000Z"}}));
  EXPECT_NE(created.event_id, plain_id) << "it says something else";
  for (const Json& tags : {Json("text"), Json(1), Json::object(), Json::array()}) {
    event["run"]["facets"] = {{"tags", {{"tags", tags}}}, {"nominalTime", tags}};
    EXPECT_EQ(Drafts(event)[0].event_id, plain_id);
  }
  Json tags = Json::array();
  for (int i = 0; i < 40; ++i) tags.push_back({{"key", "k" + std::to_string(i)}, {"value", "v"}});
  event["run"]["facets"] = {{"tags", {{"tags", tags}}}};
  EXPECT_EQ(Json::parse(Drafts(event)[0].payload)["labels"].size(), 32U);
}

TEST(OpenLineageTest, StagesOfOneJobStayApart) {
  const auto stage = [](const char* name, const char* parent) {
    Json event = ChildEvent("START");
    event["job"]["name"] = name;
    event["run"]["facets"]["parent"]["job"]["name"] = parent;
    event["run"]["facets"]["parent"]["root"] = {{"run", {{"runId", kRun}}},
                                                {"job", {{"name", "h"}}}};
    return Drafts(event).front().stage;
  };
  EXPECT_EQ(stage("h.a.query", "h.a"), "a.query");
  EXPECT_EQ(stage("h.b.query", "h.b"), "b.query");
  EXPECT_NE(stage("h.a/b", "h"), stage("h.a b", "h"));
  EXPECT_NE(stage(("h." + std::string(300, 'a') + "1").c_str(), "h"),
            stage(("h." + std::string(300, 'a') + "2").c_str(), "h"));
}

TEST(OpenLineageTest, FacetsThatComeLaterAreAnotherEventAndTheOrderOfKeysIsNot) {
  Json event = RunEvent("RUNNING");
  const EventDraft first = Drafts(event).front();
  const auto again = DecodeOpenLineage(nlohmann::ordered_json(event).dump(2), {"", "ci"});
  ASSERT_TRUE(again);
  EXPECT_EQ(again->drafts[0].event_id, first.event_id);
  EXPECT_TRUE(SameContent(again->drafts[0], first));
  event["run"]["facets"]["x"] = {{"a", 1}};
  EXPECT_NE(Drafts(event).front().event_id, first.event_id);
}

TEST(OpenLineageTest, TheRootIsTheJobWhereThereIsOne) {
  Json grandchild = ChildEvent("START");
  grandchild["run"]["facets"]["parent"]["root"] = {{"run", {{"runId", kChild}}},
                                                   {"job", {{"name", "all"}}}};
  EXPECT_EQ(Drafts(grandchild).front().job_id, kChild);
}

TEST(OpenLineageTest, WhatIsMissingOrWrongIsNamed) {
  Json event = RunEvent("START");
  event.erase("run");
  EXPECT_EQ(FieldOf(event), "run");
  event = RunEvent("START");
  event["run"]["runId"] = std::string(36, 'z');
  EXPECT_EQ(FieldOf(event), "run.runId");
  event = RunEvent("START");
  event["job"].erase("name");
  EXPECT_EQ(FieldOf(event), "job.name");
  event = ChildEvent("START");
  event["run"]["facets"]["parent"]["run"]["runId"] = "a";
  EXPECT_EQ(FieldOf(event), "run.facets.parent");
  event = RunEvent("START");
  event.erase("eventTime");
  EXPECT_EQ(FieldOf(event), "eventTime");
  event = RunEvent("START");
  event["eventTime"] = "yesterday";
  EXPECT_EQ(FieldOf(event), "eventTime");
  EXPECT_EQ(FieldOf(RunEvent("BEGIN")), "eventType");
  EXPECT_FALSE(DecodeOpenLineage("[]", {"", "ci"}));
}

}  // namespace
}  // namespace stagelog::open_lineage_test
