// CloudEvents as drafts and back.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <string>
#include <utility>
#include <vector>

#include "base/name_uuid.h"
#include "core/dialect/cloud_event_decoder.h"
#include "core/dialect/cloud_event_encoder.h"
#include "core/dialect/cloud_event_subject.h"
#include "core/dialect/cloud_event_type.h"
#include "core/event_codec.h"

// The names of its helpers are those of other tests as well.
namespace stagelog::cloud_event_test {
namespace {

using Json = nlohmann::json;
using Fields = std::vector<std::pair<std::string, std::string>>;
using testing::HasSubstr;

constexpr const char* kJournal = "0192f0c1-5e8a-7cc3-98c4-dc0c0c07398f";
const DraftOrigin kAnyJob{.job_id = "", .actor = "gpu-3"};
const DraftOrigin kOneJob{.job_id = "render-42", .actor = "gpu-3"};

Json Minimal() {
  return {{"specversion", "1.0"},
          {"id", "A1"},
          {"source", "/farm/jobs/render-42"},
          {"type", "com.example.log.v1"},
          {"data", {{"message", "m"}}}};
}

EventDraft Draft(const Json& event, const DraftOrigin& origin = kAnyJob) {
  auto draft = DecodeCloudEvent(event.dump(), origin);
  EXPECT_TRUE(draft) << event << ": " << draft.error().code << ": " << draft.error().detail;
  return draft.value_or(EventDraft());
}

Refusal RefusalOf(const std::string& event, const DraftOrigin& origin = kAnyJob) {
  auto draft = DecodeCloudEvent(event, origin);
  EXPECT_FALSE(draft) << event;
  return draft ? Refusal{.code = "none"} : draft.error();
}

Refusal RefusalWith(const char* name, const Json& value) {
  Json event = Minimal();
  event[name] = value;
  return RefusalOf(event.dump());
}

TEST(CloudEventTypeTest, PrefixAndVersionMayBeThereOrNot) {
  for (const char* type :
       {"stage_completed", "com.example.stage_completed", "com.example.stage-completed",
        "com.example.stage.completed.v1", "dev.stagelog.stage.completed.v1", "stage.completed",
        "dev.example.pipeline.stage.completed.0.3.0", "Com.Example.Stage.Completed.V1beta2"}) {
    EXPECT_EQ(TypeOfCloudEvent(type), "stage_completed") << type;
  }
  EXPECT_EQ(TypeOfCloudEvent("dev.stagelog.gate.auto_approved.v1"), "gate_auto_approved");
  EXPECT_EQ(TypeOfCloudEvent("com.example.gate.auto.approved"), "gate_auto_approved");
}

TEST(CloudEventTypeTest, AForeignTypeBecomesOneOfTheUsersOwn) {
  EXPECT_EQ(TypeOfCloudEvent("com.github.pull_request.opened"), "x-com.github.pull_request.opened");
  EXPECT_EQ(TypeOfCloudEvent("com.Example/Thing.made"), "x-com.example-thing.made");
  EXPECT_EQ(TypeOfCloudEvent("com.example.x-thing"), "x-thing");
  EXPECT_EQ(TypeOfCloudEvent("a." + std::string(100, 'b')).size(), 65U);
}

TEST(CloudEventTypeTest, AMisspelledOneOfOursIsLeftToTheDecoder) {
  EXPECT_EQ(TypeOfCloudEvent("stage_complted"), "stage_complted");
  EXPECT_EQ(TypeOfCloudEvent("dev.stagelog.stage.complted.v1"), "stage.complted");
}

TEST(CloudEventTypeTest, EveryTypeComesBack) {
  for (const TypeTraits& row : AllTypes()) {
    EXPECT_EQ(TypeOfCloudEvent(CloudEventTypeOf(row.name)), row.name);
  }
  for (const char* own : {"x-note", "x-a.b_c.v1", "x-1.2"}) {
    EXPECT_EQ(TypeOfCloudEvent(CloudEventTypeOf(own)), own);
  }
  EXPECT_EQ(CloudEventTypeOf("gate_auto_approved"), "dev.stagelog.gate.auto_approved.v1");
}

TEST(CloudEventSubjectTest, TheJobIsInTheSource) {
  EXPECT_EQ(JobOfSource("/farm/jobs/render-42"), "render-42");
  EXPECT_EQ(JobOfSource("https://farm.example/jobs/render-42/frames/7?x=1#y"), "render-42");
  EXPECT_EQ(JobOfSource("jobs/a"), "a");
  EXPECT_EQ(JobOfSource("https://github.com/cloudevents/spec/pull"), "pull");
  EXPECT_EQ(JobOfSource("urn:example:build-7"), "build-7");
  EXPECT_EQ(JobOfSource("/builds/7/"), "7");
  EXPECT_EQ(JobOfSource("nightly"), "nightly");
  EXPECT_EQ(JobOfSource("https://x.example/myjobs/7"), "7");
}

TEST(CloudEventSubjectTest, StageAttemptAndGateAreInTheSubject) {
  const auto whole = ReadSubject("stages/train/epoch-3/attempts/2/gates/sign-off");
  ASSERT_TRUE(whole);
  EXPECT_EQ(whole->stage, "train/epoch-3");
  EXPECT_EQ(whole->attempt, 2);
  EXPECT_EQ(whole->gate, "sign-off");
  EXPECT_EQ(SubjectOf(*whole), "stages/train/epoch-3/attempts/2/gates/sign-off");
  EXPECT_EQ(ReadSubject("gates/deploy")->gate, "deploy");
  EXPECT_EQ(ReadSubject("encode")->stage, "encode");
  EXPECT_EQ(ReadSubject("")->stage, "");
  for (const char* none : {"a b", "stages/", "stages/a/attempts/0", "a/attempts/x", "gates/a/b",
                           "-a", "a//b", "stages/a/attempts/2/"}) {
    EXPECT_FALSE(ReadSubject(none)) << none;
  }
}

TEST(CloudEventTest, EveryAttributeHasItsPlace) {
  const EventDraft draft = Draft({{"specversion", "1.0"},
                                  {"id", "A1"},
                                  {"source", "/farm/jobs/render-42"},
                                  {"type", "com.example.stage.completed.v1"},
                                  {"subject", "stages/encode/attempts/2"},
                                  {"time", "2026-11-21T07:41:02.101Z"},
                                  {"severitytext", "Warning"},
                                  {"traceparent", "00-4bf9-00f0-01"},
                                  {"retries", 3},
                                  {"data", {{"fps", 23.97}, {"message", "encoded"}}}});
  EXPECT_EQ(draft.job_id, "render-42");
  EXPECT_EQ(draft.type, "stage_completed");
  EXPECT_EQ(draft.stage, "encode");
  EXPECT_EQ(draft.attempt, 2);
  EXPECT_EQ(draft.level, "warning");
  EXPECT_EQ(draft.message, "encoded");
  EXPECT_EQ(draft.actor, "gpu-3");
  EXPECT_EQ(draft.occurred_at_micros, 1'795'246'862'101'000);
  EXPECT_EQ(draft.event_id, UuidOfName("/farm/jobs/render-42\nA1"));
  EXPECT_EQ(Json::parse(draft.payload),
            Json::parse(R"({"fps":23.97,"x-cloudevent":{"id":"A1","source":"/farm/jobs/render-42",
                 "type":"com.example.stage.completed.v1","traceparent":"00-4bf9-00f0-01",
                 "retries":3}})"));
}

TEST(CloudEventTest, ThePathOfTheRequestNamesTheJobBeforeTheSource) {
  Json event = Minimal();
  event["source"] = "mailto:somebody@example.com";
  EXPECT_EQ(Draft(event, kOneJob).job_id, "render-42");
  EXPECT_EQ(RefusalOf(event.dump()).code, "invalid_id");
  EXPECT_EQ(RefusalOf(event.dump()).field, "source");
}

TEST(CloudEventTest, ASubjectThatNamesNoStageIsKept) {
  Json event = Minimal();
  event["subject"] = "the new file.jpg";
  const EventDraft draft = Draft(event);
  EXPECT_EQ(draft.stage, "");
  EXPECT_EQ(Json::parse(draft.payload)["x-cloudevent"]["subject"], "the new file.jpg");
}

TEST(CloudEventTest, AGateNeedsNoMoreThanItsName) {
  Json event = Minimal();
  event["type"] = "com.example.gate.approved";
  event["subject"] = "deploy";
  event["data"] = nullptr;
  EXPECT_EQ(Draft(event).gate, "deploy");
  EXPECT_EQ(Draft(event).stage, "");
}

TEST(CloudEventTest, DataOfEveryKind) {
  const auto with = [](const char* name, const Json& value) {
    Json event = Minimal();
    event.erase("data");
    event["type"] = "com.example.x-data";
    event[name] = value;
    return event;
  };
  const auto payload = [](const Json& event) {
    Json object = Json::parse(Draft(event).payload);
    object.erase("x-cloudevent");
    return object;
  };
  EXPECT_EQ(Draft(with("data", "words")).message, "words");
  EXPECT_EQ(payload(with("data", {1, 2})), Json({{"data", {1, 2}}}));
  EXPECT_EQ(payload(with("data", 7)), Json({{"data", 7}}));
  EXPECT_EQ(payload(with("data", false)), Json({{"data", false}}));
  EXPECT_EQ(payload(with("data", nullptr)), Json::object());
  EXPECT_EQ(payload(with("data", {{"message", 7}})), Json({{"message", 7}}));
  EXPECT_EQ(payload(with("data_base64", "AAH/")), Json({{"data_base64", "AAH/"}}));
  Json typed = with("data_base64", "eyJmcHMiOjI0fQ==");
  typed["datacontenttype"] = "application/json; charset=utf-8";
  EXPECT_EQ(payload(typed), Json({{"fps", 24}}));
  typed["datacontenttype"] = "text/plain";
  EXPECT_EQ(Draft(typed).message, "{\"fps\":24}");
}

TEST(CloudEventTest, NumbersKeepTheirSpelling) {
  const auto draft = DecodeCloudEvent(
      R"({"specversion":"1.0","id":"1","source":"/jobs/a","type":"a.x-n","data":{"n": 1.50, "b":1e2}})",
      kAnyJob);
  ASSERT_TRUE(draft);
  EXPECT_THAT(draft->payload, testing::StartsWith(R"({"n":1.50,"b":1e2,)"));
}

TEST(CloudEventTest, AnEventOfOursComesBackAsItWas) {
  Event event;
  event.draft = {.kind = EventType::kStageCompleted,
                 .job_id = "render-42",
                 .event_id = "id-1",
                 .occurred_at_micros = 1'795'246'862'101'000,
                 .type = "stage_completed",
                 .stage = "train/epoch-3",
                 .attempt = 2,
                 .status = "completed",
                 .level = "info",
                 .message = "say \"hi\" \xc3\xa9",
                 .payload = R"({"fps":23.970,"k":[1]})",
                 .actor = "gpu-3"};
  event.seq = 1042;
  event.job_seq = 17;
  event.ts_micros = 1'795'246'862'123'456;
  const std::string line = EncodeEvent(event, "").body;
  const std::string translated = EncodeCloudEvent(line, kJournal);
  EXPECT_EQ(
      translated,
      R"({"specversion":"1.0","id":"id-1","source":"/0192f0c1-5e8a-7cc3-98c4-dc0c0c07398f/jobs/render-42",)"
      R"("type":"dev.stagelog.stage.completed.v1","subject":"stages/train/epoch-3/attempts/2",)"
      R"("time":"2026-11-21T07:41:02.101000Z","sequence":"0000000000000001042",)"
      R"("recordedtime":"2026-11-21T07:41:02.123456Z","severitytext":"info",)"
      R"("partitionkey":"render-42","authtype":"api_key","authid":"gpu-3",)"
      R"("datacontenttype":"application/json",)"
      "\"data\":{\"message\":\"say \\\"hi\\\" \xc3\xa9\",\"fps\":23.970,\"k\":[1]}}");
  const auto back = DecodeCloudEvent(translated, kAnyJob);
  ASSERT_TRUE(back) << back.error().detail;
  EXPECT_TRUE(SameContent(*back, event.draft));
  EXPECT_EQ(back->event_id, "id-1");
  EXPECT_EQ(back->job_id, "render-42");
  EXPECT_EQ(back->occurred_at_micros, event.draft.occurred_at_micros);
}

TEST(CloudEventTest, AStatusOfItsOwnGoesOutAndComesBack) {
  Event event;
  event.draft = {.kind = EventType::kCustom,
                 .job_id = "a",
                 .event_id = "id-1",
                 .occurred_at_micros = 1'795'246'862'101'000,
                 .type = "x-scan",
                 .status = "clean",
                 .level = "info"};
  const std::string translated = EncodeCloudEvent(EncodeEvent(event, "").body, kJournal);
  EXPECT_THAT(translated, HasSubstr(R"("status":"clean"})"));
  const auto back = DecodeCloudEvent(translated, kAnyJob);
  ASSERT_TRUE(back) << back.error().detail;
  EXPECT_TRUE(SameContent(*back, event.draft));
}

// Whatever an event of ours looks like, it comes back as it was.
TEST(CloudEventTest, EventsThatCouldBeReadAsOthersComeBackToo) {
  const auto comes_back = [](EventDraft draft) {
    draft.job_id = "a";
    draft.event_id = "id-1";
    draft.kind = FindType(draft.type)->type;
    draft.level = FindType(draft.type)->level;
    draft.status = FindType(draft.type)->status;
    draft.occurred_at_micros = 1'795'246'862'101'000;
    const std::string out = EncodeCloudEvent(
        EncodeEvent({.draft = draft, .seq = 7, .job_seq = 1, .ts_micros = 8}, "").body, kJournal);
    const auto back = DecodeCloudEvent(out, kAnyJob);
    ASSERT_TRUE(back) << out << back.error().detail;
    EXPECT_TRUE(SameContent(*back, draft)) << out;
    EXPECT_EQ(back->event_id, "id-1");
  };
  comes_back({.type = "x-foo", .payload = R"({"message":"hi"})"});
  comes_back({.type = "log", .message = "m", .payload = R"({"message":"p"})"});
  comes_back({.type = "x-foo", .payload = "{}"});
  comes_back({.type = "x-foo", .message = "m", .payload = R"({"payload":{"a":1}})"});
  comes_back({.type = "x-foo", .payload = R"({"x-cloudevent":{"id":"1"}})"});
  for (const char* stage :
       {"train/attempts/2", "train/gates/x", "stages/a", "gates/b", "attempts/3"}) {
    comes_back({.type = "stage_started", .stage = stage});
    comes_back({.type = "stage_started", .stage = stage, .attempt = 4});
  }
  comes_back({.type = "gate_pause", .stage = "train", .gate = "train"});
}

TEST(CloudEventTest, OnlyWhatWeMadeKeepsItsIdAlone) {
  Json event = Minimal();
  event["type"] = "dev.stagelog.log.v1";
  const std::string first = Draft(event).event_id;
  event["source"] = "/other/jobs/render-42";
  EXPECT_NE(Draft(event).event_id, first);
  EXPECT_EQ(Json::parse(Draft(event).payload)["x-cloudevent"]["source"], "/other/jobs/render-42");
}

TEST(CloudEventTest, NothingIsLostWhereADataMemberHasOurName) {
  Json event = Minimal();
  event["ext"] = "kept";
  event["data"] = {{"x-cloudevent", 1}, {"message", "m"}};
  const EventDraft draft = Draft(event);
  EXPECT_EQ(draft.message, "m");
  const Json payload = Json::parse(draft.payload);
  EXPECT_EQ(payload["data"], event["data"]);
  EXPECT_EQ(payload["x-cloudevent"]["ext"], "kept");
}

TEST(CloudEventTest, WhatABrokerAddsMakesNoOtherEvent) {
  Json event = Minimal();
  event["traceparent"] = "00-1-1-01";
  const EventDraft first = Draft(event);
  event["traceparent"] = "00-2-2-01";
  event["knativearrivaltime"] = "2026-11-21T07:41:02Z";
  EXPECT_TRUE(SameContent(first, Draft(event)));
  event["data"]["n"] = 1;
  EXPECT_FALSE(SameContent(first, Draft(event)));
}

TEST(CloudEventTest, ShortNamesOfStrangersAreNotTakenForOurs) {
  Json event = Minimal();
  event["type"] = "com.k8s.heartbeat";
  EXPECT_EQ(Draft(event).type, "x-com.k8s.heartbeat");
  event["type"] = "com.acme.log";
  event["data"] = {{"n", 1}};
  EXPECT_EQ(Draft(event).type, "x-com.acme.log");
  event["severitytext"] = "purple";
  EXPECT_EQ(Json::parse(Draft(event).payload)["x-cloudevent"]["severitytext"], "purple");
}

TEST(CloudEventTest, ManyAttributesAreRefusedBeforeTheyAreLookedAt) {
  std::string many = R"({"specversion":"1.0","id":"1","source":"/jobs/a","type":"x-a")";
  for (int i = 0; i < 200; ++i) many += ",\"a" + std::to_string(i) + "\":1";
  EXPECT_EQ(RefusalOf(many + "}").code, "invalid_field");
  while (many.size() <= kMaxEventBytes) many += ",\"b" + std::to_string(many.size()) + "\":1";
  EXPECT_EQ(RefusalOf(many + "}").code, "event_too_large");
}

TEST(CloudEventTest, AMessageAndAPayloadWithOneStandApart) {
  const std::string line =
      R"({"seq":1,"job_id":"a","job_seq":1,"event_id":"e","ts":"2026-11-21T07:41:02.123456Z",)"
      R"("occurred_at":"2026-11-21T07:41:02.123456Z","type":"log","level":"info","message":"m",)"
      R"("payload":{"message":"other"},"hash":"00"})";
  EXPECT_THAT(EncodeCloudEvent(line, kJournal),
              HasSubstr(R"("data":{"message":"m","payload":{"message":"other"}})"));
}

TEST(CloudEventTest, WhatIsWrongIsNamed) {
  for (const char* name : {"specversion", "id", "source", "type"}) {
    Json event = Minimal();
    event.erase(name);
    EXPECT_EQ(RefusalOf(event.dump()).code, "missing_field");
    EXPECT_EQ(RefusalOf(event.dump()).field, name);
    EXPECT_EQ(RefusalWith(name, "").code, "invalid_field");
    EXPECT_EQ(RefusalWith(name, 7).field, name);
  }
  EXPECT_EQ(RefusalWith("specversion", "0.3").field, "specversion");
  EXPECT_THAT(RefusalWith("specversion", "0.3").detail, HasSubstr("'0.3'"));
  EXPECT_EQ(RefusalWith("time", "yesterday").code, "invalid_time");
  EXPECT_EQ(RefusalWith("time", 1'795'246'862).field, "time");
  EXPECT_EQ(RefusalWith("eventTime", "x").field, "eventTime");
  EXPECT_EQ(RefusalWith("my_ext", "x").code, "invalid_field");
  EXPECT_EQ(RefusalWith("ext", Json::object()).field, "ext");
  EXPECT_EQ(RefusalWith("ext", 1.5).field, "ext");
  EXPECT_EQ(RefusalWith("data_base64", "AAH/").field, "data_base64");
  EXPECT_EQ(RefusalWith("type", "dev.stagelog.stage.complted.v1").code, "unknown_type");
  EXPECT_EQ(RefusalOf(R"({"specversion":"1.0","id":"1","id":"2","source":"a","type":"log"})").code,
            "duplicate_key");
  EXPECT_EQ(RefusalOf("[]").code, "not_an_object");
  Json event = Minimal();
  event.erase("data");
  event["data_base64"] = "AAH/ ";
  EXPECT_EQ(RefusalOf(event.dump()).field, "data_base64");
}

TEST(CloudEventTest, ABatchIsTakenWholeOrRefusedWhole) {
  const std::string good = Minimal().dump();
  const auto two = DecodeCloudEventBatch("[" + good + "," + good + "]", kAnyJob);
  ASSERT_TRUE(two);
  EXPECT_EQ(two->drafts.size(), 2U);
  const auto empty = DecodeCloudEventBatch(" [ ] ", kAnyJob);
  ASSERT_TRUE(empty);
  EXPECT_TRUE(empty->drafts.empty());
  const auto bad = DecodeCloudEventBatch("[" + good + R"(,{"id":"1"}])", kAnyJob);
  ASSERT_FALSE(bad);
  EXPECT_EQ(bad.error().index, 1);
  EXPECT_FALSE(DecodeCloudEventBatch(good, kAnyJob));
  EXPECT_FALSE(DecodeCloudEventBatch("[" + good, kAnyJob));
}

tl::expected<DecodedBody, Refusal> Binary(const Fields& more, const char* content_type,
                                          const std::string& body) {
  Fields fields = {
      {"Ce-Specversion", "1.0"}, {"ce-id", "A1"}, {"CE-Source", "/farm/jobs/render-42"}};
  fields.insert(fields.end(), more.begin(), more.end());
  return DecodeBinaryCloudEvent(fields, content_type, body, kAnyJob);
}

TEST(CloudEventTest, AttributesInTheHead) {
  EXPECT_TRUE(IsBinaryCloudEvent(Fields{{"Host", "a"}, {"CE-ID", "1"}}));
  EXPECT_FALSE(IsBinaryCloudEvent(Fields{{"Host", "a"}, {"Cert", "1"}}));
  const auto decoded = Binary({{"ce-type", "com.example.log"}, {"ce-place", "K%C3%B6ln %zz"}},
                              "application/json", R"({"message":"m","n":1})");
  ASSERT_TRUE(decoded) << decoded.error().detail;
  EXPECT_FALSE(decoded->is_batch);
  const EventDraft& draft = decoded->drafts.front();
  EXPECT_EQ(draft.type, "log");
  EXPECT_EQ(draft.message, "m");
  EXPECT_EQ(Json::parse(draft.payload)["x-cloudevent"]["place"], "K\xc3\xb6ln %zz");
  EXPECT_EQ(Binary({{"ce-type", "log"}}, "text/plain", "words")->drafts.front().message, "words");
  EXPECT_EQ(Binary({{"ce-type", "\"a.x-\\\"q\\\"\""}}, "", "")->drafts.front().type, "x-a.x--q-");
  const auto bytes = Binary({{"ce-type", "a.x-b"}}, "image/png", "\x89PNG");
  ASSERT_TRUE(bytes);
  const Json payload = Json::parse(bytes->drafts.front().payload);
  EXPECT_EQ(payload["data_base64"], "iVBORw==");
  EXPECT_EQ(payload["x-cloudevent"]["datacontenttype"], "image/png");
}

TEST(CloudEventTest, WhatIsWrongInTheHeadIsNamed) {
  const auto code = [](const tl::expected<DecodedBody, Refusal>& decoded) {
    return decoded ? "none" : decoded.error().code;
  };
  EXPECT_EQ(code(Binary({}, "", "")), "missing_field");
  EXPECT_EQ(code(Binary({{"ce-type", "log"}, {"ce-x", "%FF"}}, "", "")), "invalid_field");
  EXPECT_EQ(code(Binary({{"ce-type", "log"}, {"ce-my_x", "1"}}, "", "")), "invalid_field");
  EXPECT_EQ(code(Binary({{"ce-type", "log"}, {"ce-id", "1"}}, "", "")), "duplicate_key");
  EXPECT_EQ(code(Binary({{"ce-type", "log"}, {"ce-data", "1"}}, "", "")), "invalid_field");
  EXPECT_EQ(code(Binary({{"ce-type", "log"}, {"ce-datacontenttype", "text/plain"}}, "", "")),
            "invalid_field");
  EXPECT_EQ(code(Binary({{"ce-type", "log"}}, "application/json", "{")), "malformed_json");
  EXPECT_EQ(code(Binary({{"ce-type", "log"}}, "application/json", R"(1,"x":2)")), "malformed_json");
  const auto cut = Binary({{"ce-type", "log"}}, "application/json", R"({"a")");
  ASSERT_FALSE(cut);
  EXPECT_THAT(cut.error().detail, testing::HasSubstr("at byte 5"));  // of what was sent
}

}  // namespace
}  // namespace stagelog::cloud_event_test
