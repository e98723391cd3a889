// CDEvents as events of ours. Whether what comes out fits their schemas: tests/e2e/schemas_test.cc.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <string>

#include "core/dialect/cloud_event_decoder.h"
#include "core/dialect/cloud_event_encoder.h"
#include "core/event_codec.h"

// The names of its helpers are those of other tests as well.
namespace stagelog::cd_event_test {
namespace {

using Json = nlohmann::json;

constexpr const char* kJournal = "0192f0c1-5e8a-7cc3-98c4-dc0c0c07398f";
const DraftOrigin kAnyJob{.job_id = "", .actor = "ci"};

// A CDEvent in a CloudEvent, as its HTTP binding sends it.
tl::expected<EventDraft, Refusal> Decode(const std::string& type, const Json& subject) {
  const Json event = {{"specversion", "1.0"},
                      {"id", "1"},
                      {"source", "/farm/jobs/nightly"},
                      {"type", type},
                      {"time", "2023-03-20T14:27:05.315384Z"},
                      {"data", {{"context", {{"type", type}}}, {"subject", subject}}}};
  return DecodeCloudEvent(event.dump(), kAnyJob);
}

EventDraft Draft(const std::string& type, const Json& subject) {
  auto draft = Decode(type, subject);
  EXPECT_TRUE(draft) << type << ": " << draft.error().detail;
  return draft.value_or(EventDraft());
}

TEST(CdEventTest, RunsOfPipelinesAreJobs) {
  const Json content = {{"pipelineName", "release"}};
  const EventDraft queued = Draft("dev.cdevents.pipelinerun.queued.0.3.0",
                                  {{"id", "/ns/runs/release-7"}, {"content", content}});
  EXPECT_EQ(queued.type, "job_created");
  EXPECT_EQ(queued.job_id, "release-7");
  EXPECT_EQ(Json::parse(queued.payload)["pipeline"], "release");
  EXPECT_EQ(Json::parse(queued.payload)["x-cdevent"]["subject"]["content"], content);
  EXPECT_EQ(Draft("dev.cdevents.pipelinerun.started.0.3.0", {{"id", "a"}}).type, "job_started");
  const auto finished = [](const char* outcome) {
    return Draft("dev.cdevents.pipelinerun.finished.0.3.0",
                 {{"id", "a"}, {"content", {{"outcome", outcome}, {"errors", "no space"}}}});
  };
  EXPECT_EQ(finished("success").type, "job_completed");
  EXPECT_EQ(finished("failure").type, "job_failed");
  EXPECT_EQ(finished("error").message, "no space");
  EXPECT_EQ(finished("cancel").type, "job_canceled");
  const char* type = "dev.cdevents.pipelinerun.finished.0.3.0";
  EXPECT_EQ(Draft(type, {{"id", "a"}, {"content", Json::object()}}).type, "job_completed");
  EXPECT_EQ(Draft(type, {{"id", "a"}, {"content", {{"errors", "no space"}}}}).type, "job_failed");
}

TEST(CdEventTest, AnApprovalThatDecidesNothingYetIsAnUpdate) {
  Event event;
  event.draft = {.kind = EventType::kGateApproved,
                 .job_id = "nightly",
                 .event_id = "1",
                 .type = "gate_approved",
                 .gate = "deploy",
                 .status = "approved",
                 .level = "info",
                 .actor = "ann"};
  event.seq = event.job_seq = 1;
  event.approvals_required = 2;
  const auto sent_out = [&](int64_t count) {
    event.approval_count = count;
    const std::string out = EncodeCdEvent(EncodeEvent(event, "").body, kJournal);
    return Json::parse(out);
  };
  const Json first = sent_out(1);
  EXPECT_EQ(first["type"], "dev.cdevents.approval.updated.0.1.0");
  EXPECT_EQ(first["data"]["subject"]["content"]["responder"], "urn:stagelog:token:ann");
  EXPECT_EQ(first["data"]["subject"]["content"]["decision"], "approved");
  EXPECT_EQ(sent_out(2)["type"], "dev.cdevents.approval.closed.0.1.0");
}

TEST(CdEventTest, RunsOfTasksAreStages) {
  const Json content = {{"taskName", "encode"}, {"pipelineRun", {{"id", "release-7"}}}};
  const EventDraft started =
      Draft("dev.cdevents.taskrun.started.0.3.0", {{"id", "t1"}, {"content", content}});
  EXPECT_EQ(started.type, "stage_started");
  EXPECT_EQ(started.job_id, "release-7");
  EXPECT_EQ(started.stage, "encode");
  const EventDraft canceled = Draft("dev.cdevents.taskrun.finished.0.3.0",
                                    {{"id", "runs/t1"}, {"content", {{"outcome", "cancel"}}}});
  EXPECT_EQ(canceled.type, "stage_failed");
  EXPECT_EQ(canceled.status, "canceled");
  EXPECT_EQ(canceled.stage, "t1");
  EXPECT_EQ(canceled.job_id, "nightly");
}

TEST(CdEventTest, ApprovalsAreGates) {
  const auto closed = [](const char* status) {
    return Draft("dev.cdevents.approval.closed.0.1.0",
                 {{"id", "approvals/deploy"},
                  {"content", {{"status", status}, {"responder", "urn:user:bob"}}}});
  };
  const EventDraft created = Draft("dev.cdevents.approval.created.0.1.0",
                                   {{"id", "deploy"}, {"content", {{"requestor", "urn:user:al"}}}});
  EXPECT_EQ(created.type, "gate_pause");
  EXPECT_EQ(created.gate, "deploy");
  EXPECT_EQ(created.message, "approval requested by urn:user:al");
  EXPECT_EQ(closed("approved").type, "gate_approved");
  EXPECT_EQ(closed("approved").message, "approved by urn:user:bob");
  EXPECT_EQ(closed("rejected").type, "gate_rejected");
  EXPECT_EQ(closed("cancelled").type, "gate_rejected");
  EXPECT_EQ(closed("expired").type, "gate_expired");
  EXPECT_EQ(Draft("dev.cdevents.approval.updated.0.1.0", {{"id", "deploy"}}).type,
            "x-cdevents.approval.updated");
}

TEST(CdEventTest, AnUpdatedApprovalComesOutAsItCameIn) {
  const auto sent_out = [](const Json& content) {
    EventDraft draft =
        Draft("dev.cdevents.approval.updated.0.1.0", {{"id", "deploy"}, {"content", content}});
    Event event{.draft = std::move(draft)};
    event.draft.job_id = "nightly";
    event.draft.event_id = "e";
    event.seq = 1;
    return Json::parse(EncodeCdEvent(EncodeEvent(event, "").body, kJournal));
  };
  const Json out = sent_out({{"responder", "urn:user:bob"}, {"decision", "requestChanges"}});
  EXPECT_EQ(out["type"], "dev.cdevents.approval.updated.0.1.0");
  EXPECT_EQ(out["data"]["subject"]["id"], "nightly/deploy");
  EXPECT_EQ(out["data"]["subject"]["content"],
            (Json{{"approvalDetailsUrl", "/api/v1/jobs/nightly/gates/deploy"},
                  {"resourceTargetUrl", "/api/v1/jobs/nightly"},
                  {"responder", "urn:user:bob"},
                  {"decision", "requestChanges"}}));
  for (const Json& incomplete :
       {Json{{"responder", "urn:user:bob"}}, Json{{"responder", ""}, {"decision", "approved"}},
        Json{{"responder", "urn:user:bob"}, {"decision", "perhaps"}}, Json::object()}) {
    EXPECT_EQ(sent_out(incomplete)["type"], "dev.stagelog.x-cdevents.approval.updated.v1")
        << incomplete;
  }
}

TEST(CdEventTest, OtherKindsAreForeignCloudEvents) {
  EXPECT_EQ(Draft("dev.cdevents.build.started.0.3.0", {{"id", "a"}}).type,
            "x-dev.cdevents.build.started.0.3.0");
}

TEST(CdEventTest, WhatIsWrongIsNamed) {
  const auto field = [](const char* type, const Json& subject) {
    const auto draft = Decode(type, subject);
    return draft ? "none" : draft.error().field;
  };
  EXPECT_EQ(field("dev.cdevents.pipelinerun.started.0.3.0", Json::object()), "data.subject.id");
  EXPECT_EQ(field("dev.cdevents.pipelinerun.finished.0.3.0",
                  {{"id", "a"}, {"content", {{"outcome", "perhaps"}}}}),
            "data.subject.content.outcome");
  for (const Json& outcome : {Json(1), Json(nullptr), Json({"failure"}), Json::object()}) {
    EXPECT_EQ(field("dev.cdevents.pipelinerun.finished.0.3.0",
                    {{"id", "a"}, {"content", {{"outcome", outcome}}}}),
              "data.subject.content.outcome");
  }
  EXPECT_EQ(field("dev.cdevents.approval.closed.0.1.0", {{"id", "a"}}),
            "data.subject.content.status");
  EXPECT_EQ(field("dev.cdevents.approval.created.0.1.0", {{"id", "a b"}}), "data.subject.id");
  EXPECT_EQ(field("dev.cdevents.taskrun.started.0.3.0", {{"id", "a b"}}), "data.subject");
}

TEST(CdEventTest, WhatGoesOutComesBackAsTheSameKind) {
  const auto line = [](const std::string& members) {
    return R"({"seq":7,"job_id":"release-7","job_seq":1,"event_id":"e","ts":"2026-11-21T07:41:02.1Z",)"
           R"("occurred_at":"2026-11-21T07:41:02.123456Z",)" +
           members + R"(,"level":"info","message":"m","actor":"al","hash":"00"})";
  };
  for (const char* members :
       {R"("type":"job_created")", R"("type":"job_started")", R"("type":"job_completed")",
        R"("type":"job_failed")", R"("type":"job_canceled")",
        R"("type":"stage_started","stage":"train/epoch-3","attempt":2)",
        R"("type":"stage_completed","stage":"encode")", R"("type":"stage_failed","stage":"encode")",
        R"("type":"gate_pause","gate":"deploy")", R"("type":"gate_approved","gate":"deploy")",
        R"("type":"gate_rejected","gate":"deploy")", R"("type":"gate_expired","gate":"deploy")"}) {
    const std::string out = EncodeCdEvent(line(members), kJournal);
    const Json envelope = Json::parse(out);
    EXPECT_TRUE(envelope["type"].get<std::string>().starts_with("dev.cdevents.")) << out;
    EXPECT_EQ(envelope["type"], envelope["data"]["context"]["type"]);
    EXPECT_EQ(envelope["data"]["customData"]["message"], "m");
    const auto back = DecodeCloudEvent(out, kAnyJob);
    ASSERT_TRUE(back) << out << back.error().detail;
    EXPECT_EQ(back->job_id, "release-7");
    EXPECT_THAT(std::string(members), testing::HasSubstr("\"" + back->type + "\"")) << out;
  }
  EXPECT_EQ(Json::parse(EncodeCdEvent(line(R"("type":"log")"), kJournal))["type"],
            "dev.stagelog.log.v1");
}

}  // namespace
}  // namespace stagelog::cd_event_test
