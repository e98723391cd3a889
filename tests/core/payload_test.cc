#include "core/payload.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace stagelog {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

std::string Quoted(size_t bytes) { return '"' + std::string(bytes, 'x') + '"'; }

// An object of so many labels.
std::string ManyLabels(int count) {
  std::string object = "{";
  for (int i = 0; i < count; ++i) {
    object += (i > 0 ? ",\"k" : "\"k") + std::to_string(i) + "\":\"v\"";
  }
  return object + "}";
}

std::string ListOf(size_t count, const std::string& item) {
  std::string list = "[";
  for (size_t i = 0; i < count; ++i) list += (i > 0 ? "," : "") + item;
  return list + "]";
}

// --- What is read ---

TEST(ReadJobPayloadTest, ReadsItsKeys) {
  const JobPayload job =
      ReadJobPayload(R"({"pipeline":"film","stages":["a","b/c"],"strict":true,"other":1})");
  EXPECT_EQ(job.pipeline, "film");
  EXPECT_THAT(job.stages, ElementsAre("a", "b/c"));
  EXPECT_TRUE(job.strict);
}

TEST(ReadJobPayloadTest, IsTotal) {
  for (const char* payload :
       {"", "{}", "null", "[1]", "7", "{\"pipeline\"", "not JSON", "\xff",
        R"({"pipeline":7,"stages":"a","strict":"true"})",
        R"({"pipeline":null,"stages":[1,"../a","",null,"a//b","/a"],"strict":1})"}) {
    const JobPayload job = ReadJobPayload(payload);
    EXPECT_EQ(job.pipeline, "") << payload;
    EXPECT_THAT(job.stages, IsEmpty()) << payload;
    EXPECT_FALSE(job.strict) << payload;
  }
}

TEST(ReadProgressPayloadTest, ReadsItsKeys) {
  const ProgressPayload progress =
      ReadProgressPayload(R"({"current":3,"total":4.5,"percent":66.6,"unit":"frames"})");
  EXPECT_TRUE(progress.is_valid);
  EXPECT_EQ(progress.current, 3.0);
  EXPECT_EQ(progress.total, 4.5);
  EXPECT_EQ(progress.percent, 66.6);
  EXPECT_EQ(progress.unit, "frames");
}

TEST(ReadProgressPayloadTest, TheBoundsAreSoundThemselves) {
  for (const char* payload :
       {"", "{}", R"({"current":0,"total":0,"percent":0})", R"({"current":-0.0})",
        R"({"current":1e18,"total":1e18,"percent":100})", R"({"current":1e-320})",
        R"({"current":1000000000000000000})", R"({"current":null,"total":null,"percent":null})",
        R"({"unit":null})"}) {
    EXPECT_TRUE(ReadProgressPayload(payload).is_valid) << payload;
  }
}

TEST(ReadProgressPayloadTest, AbsurdFiguresAreNotSoundAndNotTaken) {
  for (const char* figure :
       {"-1", "-1e-300", "1e308", "-1e308", "1.0000001e18", "18446744073709551615",
        "-9223372036854775808", "\"5\"", "true", "[]", "{}", "\"NaN\""}) {
    for (const char* key : {"current", "total", "percent"}) {
      const ProgressPayload progress =
          ReadProgressPayload(std::string("{\"") + key + "\":" + figure + "}");
      EXPECT_FALSE(progress.is_valid) << key << " " << figure;
      EXPECT_FALSE(progress.current || progress.total || progress.percent) << key << " " << figure;
    }
  }
  EXPECT_FALSE(ReadProgressPayload(R"({"percent":100.0000001})").is_valid);
  EXPECT_TRUE(ReadProgressPayload(R"({"current":100.0000001})").is_valid);
}

TEST(ReadGatePayloadTest, ReadsItsKeys) {
  const GatePayload gate = ReadGatePayload(
      R"({"prompt":"go?","options":["a","b"],"timeout_seconds":60,"on_timeout":"approve",)"
      R"("approvers":["ann"]})");
  EXPECT_EQ(gate.prompt, "go?");
  EXPECT_EQ(gate.options, R"(["a","b"])");
  EXPECT_EQ(gate.timeout_seconds, 60);
  EXPECT_EQ(gate.on_timeout, "approve");
  EXPECT_THAT(gate.approvers, ElementsAre("ann"));
}

TEST(ReadGatePayloadTest, ATimeoutThatSaysNoMoreExpires) {
  EXPECT_EQ(ReadGatePayload(R"({"timeout_seconds":1})").on_timeout, "expire");
}

TEST(ReadGatePayloadTest, WithoutATimeoutThereIsNothingToDoOnIt) {
  const GatePayload gate = ReadGatePayload(R"({"on_timeout":"approve"})");
  EXPECT_EQ(gate.timeout_seconds, std::nullopt);
  EXPECT_EQ(gate.on_timeout, "");
}

TEST(ReadGatePayloadTest, IsTotal) {
  for (const char* payload : {"", "[]", "nonsense", R"({"prompt":1,"options":{},"approvers":7})",
                              R"({"options":[],"approvers":[]})", R"({"timeout_seconds":"60"})",
                              R"({"timeout_seconds":1.5,"on_timeout":[]})"}) {
    const GatePayload gate = ReadGatePayload(payload);
    EXPECT_EQ(gate.prompt, "") << payload;
    EXPECT_EQ(gate.options, "") << payload;
    EXPECT_EQ(gate.timeout_seconds, std::nullopt) << payload;
    EXPECT_EQ(gate.on_timeout, "") << payload;
    EXPECT_THAT(gate.approvers, IsEmpty()) << payload;
  }
}

// It cannot overflow what is computed from it.
TEST(ReadGatePayloadTest, ATimeoutOutOfItsBoundsIsClamped) {
  EXPECT_EQ(ReadGatePayload(R"({"timeout_seconds":-5})").timeout_seconds, 1);
  EXPECT_EQ(ReadGatePayload(R"({"timeout_seconds":9223372036854775807})").timeout_seconds,
            kMaxGateTimeoutSeconds);
}

TEST(ReadDecisionPayloadTest, ReadsItsKeys) {
  const DecisionPayload decision =
      ReadDecisionPayload(R"({"comment":"fine","choice":"b","via":"api"})");
  EXPECT_EQ(decision.comment, "fine");
  EXPECT_EQ(decision.choice, "b");
  EXPECT_EQ(decision.via, "api");
  EXPECT_EQ(ReadDecisionPayload(R"({"comment":1,"choice":[],"via":null})").comment, "");
}

// --- What is refused ---

struct Case {
  EventType type;
  std::string payload;
};

class TakenPayloadTest : public testing::TestWithParam<Case> {};

TEST_P(TakenPayloadTest, IsTaken) {
  const auto refusal = CheckEventPayload(GetParam().type, GetParam().payload);
  EXPECT_FALSE(refusal) << GetParam().payload.substr(0, 200) << ": " << refusal->detail;
}

INSTANTIATE_TEST_SUITE_P(
    Bounds, TakenPayloadTest,
    testing::Values(
        Case{EventType::kJobCreated, ""}, Case{EventType::kJobCreated, "{}"},
        Case{EventType::kJobCreated, R"({"pipeline":"p"})"},
        Case{EventType::kJobCreated, "{\"pipeline\":" + Quoted(256) + "}"},
        Case{EventType::kJobCreated, R"({"pipeline":null,"stages":null,"strict":null})"},
        Case{EventType::kJobCreated, R"({"stages":[]})"},
        Case{EventType::kJobCreated, R"({"stages":["a","a/b"],"strict":false,"prompt":7})"},
        Case{EventType::kJobCreated, "{\"stages\":" + ListOf(kMaxDeclaredStages, "\"a\"") + "}"},
        Case{EventType::kJobCreated, "{\"labels\":" + ManyLabels(32) + "}"},
        Case{EventType::kJobCreated, "{\"labels\":{\"a\":" + Quoted(256) + "}}"},
        Case{EventType::kJobCreated, R"({"labels":{}})"},
        Case{EventType::kJobCreated, R"({"labels":null})"},
        Case{EventType::kGatePause, R"({"prompt":"go?","x-ticket":"REL-7"})"},
        Case{EventType::kGatePause, "{\"prompt\":" + Quoted(16 * 1024) + "}"},
        Case{EventType::kGatePause, R"({"prompt":""})"},
        Case{EventType::kGatePause, R"({"timeout_seconds":1})"},
        Case{EventType::kGatePause, R"({"timeout_seconds":31536000,"on_timeout":"expire"})"},
        Case{EventType::kGatePause, R"({"timeout_seconds":5,"on_timeout":"approve"})"},
        Case{EventType::kGatePause, R"({"timeout_seconds":5,"on_timeout":"reject"})"},
        Case{EventType::kGatePause, R"({"on_timeout":null})"},
        Case{EventType::kGatePause, "{\"options\":" + ListOf(kMaxGateOptions, Quoted(256)) + "}"},
        Case{EventType::kGatePause, "{\"approvers\":" + ListOf(kMaxApprovers, "\"ann\"") + "}"},
        Case{EventType::kGatePause, R"({"required":64,"allow_self":false})"},
        Case{EventType::kGatePause, R"({"required":1,"allow_self":null,"fields":null})"},
        Case{EventType::kGatePause, R"({"required":2,"approvers":["ann","ben"]})"},
        Case{EventType::kGatePause, R"({"fields":[{"name":"a","type":"text"}]})"},
        Case{EventType::kGateApproved, R"({"answers":{}})"},
        Case{EventType::kGateApproved, R"({"answers":{"a":1,"b":"","c":true,"d":null}})"},
        Case{EventType::kGateApproved, R"({"comment":"","choice":"a","via":"api"})"},
        Case{EventType::kGateRejected, "{\"comment\":" + Quoted(100'000) + "}"},
        // Progress is stored and flagged instead, and what is no business of the type is passed
        // over.
        Case{EventType::kStageProgress, R"({"current":-1,"total":"x","percent":1e308})"},
        Case{EventType::kLog, R"({"timeout_seconds":-1,"strict":7})"},
        Case{EventType::kJobStarted, R"({"strict":7})"},
        Case{EventType::kCustom, R"({"stages":7})"}));

struct KeyCase {
  std::string payload;
  const char* field;
  const char* meant;
};

class GateKeyTest : public testing::TestWithParam<KeyCase> {};

TEST_P(GateKeyTest, AnUnknownOneIsRefusedWithTheNearestThatIsKnown) {
  const auto refusal = CheckEventPayload(EventType::kGatePause, GetParam().payload);
  ASSERT_TRUE(refusal) << GetParam().payload;
  EXPECT_EQ(refusal->code, "unknown_key");
  EXPECT_EQ(refusal->field, GetParam().field);
  EXPECT_THAT(refusal->detail, HasSubstr("did you mean '" + std::string(GetParam().meant) + "'?"));
  EXPECT_EQ(CheckEventPayload(EventType::kGatePause, GetParam().payload, /*was_stored=*/true),
            std::nullopt)
      << "the line of an earlier version";
}

INSTANTIATE_TEST_SUITE_P(
    Keys, GateKeyTest,
    testing::Values(
        KeyCase{R"({"approver":"ann"})", "payload.approver", "approvers"},
        KeyCase{R"({"prompt":"?","Approvers":["ann"]})", "payload.Approvers", "approvers"},
        KeyCase{R"({"appr\u006fver":"ann"})", "payload.approver", "approvers"},
        KeyCase{R"({"approved_by":["ann"]})", "payload.approved_by", "approvers"},
        KeyCase{R"({"timeout_secs":60})", "payload.timeout_secs", "timeout_seconds"},
        KeyCase{R"({"timeout":60})", "payload.timeout", "timeout_seconds"},
        KeyCase{R"({"timeout_s":60})", "payload.timeout_s", "timeout_seconds"},
        KeyCase{R"({"timeoutSeconds":60})", "payload.timeoutSeconds", "timeout_seconds"},
        KeyCase{R"({"timeout_ms":60})", "payload.timeout_ms", "timeout_seconds"},
        KeyCase{R"({"timeout_seconds":6,"on_timeot":"reject"})", "payload.on_timeot", "on_timeout"},
        KeyCase{R"({"timeout_action":"reject"})", "payload.timeout_action", "on_timeout"},
        KeyCase{R"({"option":["a"]})", "payload.option", "options"},
        KeyCase{R"({"require":2})", "payload.require", "required"},
        KeyCase{R"({"required_approvals":2})", "payload.required_approvals", "required"},
        KeyCase{R"({"approvals":2})", "payload.approvals", "required"},
        KeyCase{R"({"allowSelf":false})", "payload.allowSelf", "allow_self"},
        KeyCase{R"({"self_approval":false})", "payload.self_approval", "allow_self"},
        KeyCase{R"({"form":[]})", "payload.form", "fields"},
        KeyCase{R"({"inputs":[]})", "payload.inputs", "fields"},
        KeyCase{R"({"promt":"?"})", "payload.promt", "prompt"},
        KeyCase{R"({"message":"?"})", "payload.message", "prompt"}));

TEST(CheckEventPayloadTest, ADecisionTakesNoUnknownKey) {
  for (const auto& [key, meant] :
       std::vector<std::pair<std::string, std::string>>{{"choise", "choice"},
                                                        {"option", "choice"},
                                                        {"fields", "answers"},
                                                        {"answer", "answers"},
                                                        {"inputs", "answers"},
                                                        {"reason", "comment"},
                                                        {"Comment", "comment"},
                                                        {"message", "comment"}}) {
    for (const EventType type : {EventType::kGateApproved, EventType::kGateRejected,
                                 EventType::kGateAutoApproved, EventType::kGateExpired}) {
      const std::string payload = "{\"" + key + "\":\"b\"}";
      const auto refusal = CheckEventPayload(type, payload);
      ASSERT_TRUE(refusal) << payload;
      EXPECT_EQ(refusal->code, "unknown_key");
      EXPECT_EQ(refusal->field, "payload." + key);
      EXPECT_THAT(refusal->detail, HasSubstr("did you mean '" + meant + "'?"));
      EXPECT_EQ(CheckEventPayload(type, payload, /*was_stored=*/true), std::nullopt);
    }
  }
  EXPECT_EQ(CheckEventPayload(EventType::kGateApproved, R"({"choice":"a","x-ticket":7})"),
            std::nullopt);
}

TEST(CheckEventPayloadTest, AnEmptyListOfAnEarlierVersionStays) {
  EXPECT_EQ(CheckEventPayload(EventType::kGatePause, R"({"options":[],"approvers":[]})",
                              /*was_stored=*/true),
            std::nullopt);
}

TEST(CheckEventPayloadTest, AKeyThatIsReadAndGivenTwiceIsRefused) {
  for (const auto& [type, payload, field] :
       std::vector<std::tuple<EventType, std::string, std::string>>{
           {EventType::kGatePause, R"({"approvers":["ann"],"approvers":null})",
            "payload.approvers"},
           {EventType::kJobCreated, R"({"strict":true,"strict":false})", "payload.strict"},
           {EventType::kJobCreated, R"({"labels":{"a":"1","a":"2"}})", "payload.labels.a"},
           {EventType::kGatePause, R"({"fields":[{"name":"a","name":"b","type":"text"}]})",
            "payload.fields"},
           {EventType::kGateApproved, R"({"answers":{"a":1,"\u0061":2}})", "payload.answers"},
           {EventType::kGateApproved, R"({"choice":"a","choice":"b"})", "payload.choice"}}) {
    const auto refusal = CheckEventPayload(type, payload);
    ASSERT_TRUE(refusal) << payload;
    EXPECT_EQ(refusal->code, "duplicate_key") << payload;
    EXPECT_EQ(refusal->field, field);
  }
  EXPECT_EQ(CheckEventPayload(EventType::kJobCreated, R"({"mine":1,"mine":2})"), std::nullopt);
}

struct RefusedCase {
  EventType type;
  std::string payload;
  const char* field;
};

class RefusedPayloadTest : public testing::TestWithParam<RefusedCase> {};

TEST_P(RefusedPayloadTest, NamesTheFieldAndWhatItMustBe) {
  const auto refusal = CheckEventPayload(GetParam().type, GetParam().payload);
  ASSERT_TRUE(refusal) << GetParam().payload.substr(0, 200);
  EXPECT_EQ(refusal->code, "invalid_field");
  EXPECT_EQ(refusal->field, GetParam().field);
  EXPECT_THAT(refusal->detail, HasSubstr("'" + std::string(GetParam().field) + "' must be "));
  EXPECT_LT(refusal->detail.size(), 200u);
}

INSTANTIATE_TEST_SUITE_P(
    Bounds, RefusedPayloadTest,
    testing::Values(
        RefusedCase{EventType::kJobCreated, R"({"pipeline":""})", "payload.pipeline"},
        RefusedCase{EventType::kJobCreated, R"({"pipeline":7})", "payload.pipeline"},
        RefusedCase{EventType::kJobCreated, "{\"pipeline\":" + Quoted(257) + "}",
                    "payload.pipeline"},
        RefusedCase{EventType::kJobCreated, R"({"strict":"yes"})", "payload.strict"},
        RefusedCase{EventType::kJobCreated, R"({"strict":1})", "payload.strict"},
        RefusedCase{EventType::kJobCreated, R"({"stages":"a"})", "payload.stages"},
        RefusedCase{EventType::kJobCreated, R"({"stages":["a",7]})", "payload.stages"},
        RefusedCase{EventType::kJobCreated, R"({"stages":["a",null]})", "payload.stages"},
        RefusedCase{EventType::kJobCreated, R"({"stages":["../etc"]})", "payload.stages"},
        RefusedCase{EventType::kJobCreated, R"({"stages":["a//b"]})", "payload.stages"},
        RefusedCase{EventType::kJobCreated,
                    "{\"stages\":" + ListOf(kMaxDeclaredStages + 1, "\"a\"") + "}",
                    "payload.stages"},
        RefusedCase{EventType::kGatePause, R"({"prompt":["?"]})", "payload.prompt"},
        RefusedCase{EventType::kGatePause, "{\"prompt\":" + Quoted(16 * 1024 + 1) + "}",
                    "payload.prompt"},
        RefusedCase{EventType::kGatePause, R"({"options":"a"})", "payload.options"},
        RefusedCase{EventType::kGatePause, R"({"options":[""]})", "payload.options"},
        RefusedCase{EventType::kGatePause, R"({"options":[]})", "payload.options"},
        RefusedCase{EventType::kGatePause,
                    "{\"options\":" + ListOf(kMaxGateOptions + 1, "\"a\"") + "}",
                    "payload.options"},
        RefusedCase{EventType::kGatePause, "{\"options\":[" + Quoted(257) + "]}",
                    "payload.options"},
        RefusedCase{EventType::kGatePause, R"({"timeout_seconds":0})", "payload.timeout_seconds"},
        RefusedCase{EventType::kGatePause, R"({"timeout_seconds":-1})", "payload.timeout_seconds"},
        RefusedCase{EventType::kGatePause, R"({"timeout_seconds":31536001})",
                    "payload.timeout_seconds"},
        RefusedCase{EventType::kGatePause, R"({"timeout_seconds":9223372036854775808})",
                    "payload.timeout_seconds"},
        RefusedCase{EventType::kGatePause, R"({"timeout_seconds":18446744073709551615})",
                    "payload.timeout_seconds"},
        RefusedCase{EventType::kGatePause, R"({"timeout_seconds":1.5})", "payload.timeout_seconds"},
        RefusedCase{EventType::kGatePause, R"({"timeout_seconds":"60"})",
                    "payload.timeout_seconds"},
        RefusedCase{EventType::kGatePause, R"({"timeout_seconds":5,"on_timeout":"aprove"})",
                    "payload.on_timeout"},
        RefusedCase{EventType::kGatePause, R"({"timeout_seconds":5,"on_timeout":7})",
                    "payload.on_timeout"},
        RefusedCase{EventType::kGatePause, R"({"on_timeout":"approve"})", "payload.on_timeout"},
        RefusedCase{EventType::kGatePause, R"({"required":0})", "payload.required"},
        RefusedCase{EventType::kGatePause, R"({"required":65})", "payload.required"},
        RefusedCase{EventType::kGatePause, R"({"required":2.0})", "payload.required"},
        RefusedCase{EventType::kGatePause, R"({"required":"2"})", "payload.required"},
        RefusedCase{EventType::kGatePause, R"({"required":true})", "payload.required"},
        RefusedCase{EventType::kGatePause, R"({"required":3,"approvers":["a","b"]})",
                    "payload.required"},
        RefusedCase{EventType::kGatePause, R"({"required":2,"approvers":["a","a"]})",
                    "payload.required"},
        RefusedCase{EventType::kGatePause, R"({"allow_self":"no"})", "payload.allow_self"},
        RefusedCase{EventType::kGatePause, R"({"allow_self":0})", "payload.allow_self"},
        RefusedCase{EventType::kGatePause, R"({"fields":{}})", "payload.fields"},
        RefusedCase{EventType::kGatePause, R"({"fields":[]})", "payload.fields"},
        RefusedCase{EventType::kGateApproved, R"({"answers":[]})", "payload.answers"},
        RefusedCase{EventType::kGateRejected, R"({"answers":"a"})", "payload.answers"},
        RefusedCase{EventType::kGatePause, R"({"approvers":"ann"})", "payload.approvers"},
        RefusedCase{EventType::kGatePause, R"({"approvers":[""]})", "payload.approvers"},
        RefusedCase{EventType::kGatePause,
                    "{\"approvers\":" + ListOf(kMaxApprovers + 1, "\"a\"") + "}",
                    "payload.approvers"},
        RefusedCase{EventType::kGatePause, R"({"approvers":[]})", "payload.approvers"},
        RefusedCase{EventType::kJobCreated, R"({"labels":["a"]})", "payload.labels"},
        RefusedCase{EventType::kJobCreated, R"({"labels":"a=b"})", "payload.labels"},
        RefusedCase{EventType::kJobCreated, R"({"labels":{"a b":"c"}})", "payload.labels"},
        RefusedCase{EventType::kJobCreated, R"({"labels":{"":"c"}})", "payload.labels"},
        RefusedCase{EventType::kJobCreated, R"({"labels":{"build":42}})", "payload.labels.build"},
        RefusedCase{EventType::kJobCreated, R"({"labels":{"a":""}})", "payload.labels.a"},
        RefusedCase{EventType::kJobCreated, R"({"labels":{"a":"x\ny"}})", "payload.labels.a"},
        RefusedCase{EventType::kJobCreated, "{\"labels\":{\"a\":" + Quoted(257) + "}}",
                    "payload.labels.a"},
        RefusedCase{EventType::kJobCreated, "{\"labels\":" + ManyLabels(33) + "}",
                    "payload.labels"},
        RefusedCase{EventType::kGateApproved, R"({"comment":7})", "payload.comment"},
        RefusedCase{EventType::kGateRejected, R"({"comment":["no"]})", "payload.comment"},
        RefusedCase{EventType::kJobResumed, R"({"new_epoch":1})", "payload.new_epoch"},
        RefusedCase{EventType::kGateAutoApproved, R"({"choice":""})", "payload.choice"},
        RefusedCase{EventType::kGateExpired, R"({"via":7})", "payload.via"},
        RefusedCase{EventType::kHeartbeat, R"({"interval_seconds":0})", "payload.interval_seconds"},
        RefusedCase{EventType::kHeartbeat, R"({"interval_seconds":-5})",
                    "payload.interval_seconds"},
        RefusedCase{EventType::kHeartbeat, R"({"interval_seconds":3601})",
                    "payload.interval_seconds"},
        RefusedCase{EventType::kHeartbeat, R"({"interval_seconds":1e400})",
                    "payload.interval_seconds"},
        RefusedCase{EventType::kHeartbeat, R"({"interval_seconds":"5"})",
                    "payload.interval_seconds"},
        RefusedCase{EventType::kGatePause, R"({"timeout_seconds":1e400})",
                    "payload.timeout_seconds"}));

TEST(CheckOpenerTest, TheOthersMustBeEnough) {
  const auto refused = [](const std::string& payload, const std::string& actor) {
    return CheckOpener(ReadGatePayload(payload), actor).has_value();
  };
  EXPECT_FALSE(refused(R"({"approvers":["ann"]})", "ann"));
  EXPECT_FALSE(refused(R"({"allow_self":false})", "ann"));
  EXPECT_FALSE(refused(R"({"allow_self":false,"approvers":["ann","ben"]})", "ann"));
  EXPECT_TRUE(refused(R"({"allow_self":false,"approvers":["ann"]})", "ann"));
  EXPECT_TRUE(refused(R"({"allow_self":false,"approvers":["ann","ben"],"required":2})", "ann"));
  EXPECT_FALSE(refused(R"({"allow_self":false,"approvers":["ann","ben"],"required":2})", "cat"));
}

TEST(HeartbeatPayloadTest, AnotherSpellingOfTheIntervalIsRefused) {
  for (const std::string key : {"interval", "interval_secs"}) {
    const auto refusal = CheckEventPayload(EventType::kHeartbeat, "{\"" + key + "\":5}");
    ASSERT_TRUE(refusal) << key;
    EXPECT_EQ(refusal->code, "invalid_field");
    EXPECT_EQ(refusal->field, "payload." + key);
    EXPECT_THAT(refusal->detail, HasSubstr("did you mean 'payload.interval_seconds'?"));
  }
}

// A gate that lost its approvers could be approved by anybody.
TEST(GatePayloadTest, ANumberTooLargeForADoubleHidesNoOtherKey) {
  const GatePayload gate = ReadGatePayload(
      R"({"approvers":["alice"],"timeout_seconds":60,"x-cost":1e400,"prompt":"a \"b\""})");
  EXPECT_THAT(gate.approvers, ElementsAre("alice"));
  EXPECT_EQ(gate.timeout_seconds, 60);
  EXPECT_EQ(gate.prompt, "a \"b\"");
}

TEST(HeartbeatPayloadTest, TheIntervalIsReadInMicroseconds) {
  EXPECT_EQ(ReadHeartbeatPayload("").interval_micros, 0);
  EXPECT_EQ(ReadHeartbeatPayload(R"({"load":0.5})").interval_micros, 0);
  EXPECT_EQ(ReadHeartbeatPayload(R"({"interval_seconds":5})").interval_micros, 5'000'000);
  EXPECT_EQ(ReadHeartbeatPayload(R"({"interval_seconds":2.5})").interval_micros, 2'500'000);
  EXPECT_EQ(ReadHeartbeatPayload(R"({"interval_seconds":1e400})").interval_micros, 0);
  EXPECT_FALSE(CheckEventPayload(EventType::kHeartbeat, R"({"interval_seconds":3600,"load":1})"));
}

}  // namespace
}  // namespace stagelog
