#include "core/draft_decoder.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "core/event_codec.h"

namespace stagelog {
namespace {

using testing::HasSubstr;
using testing::StartsWith;

const DraftOrigin kOrigin{.job_id = "render-42", .actor = "gpu-3"};
const DraftOrigin kNoJob{.job_id = "", .actor = "gpu-3"};

// The draft of what must be taken.
EventDraft Draft(const std::string& json, const DraftOrigin& origin = kOrigin) {
  auto draft = DecodeDraft(json, origin);
  EXPECT_TRUE(draft) << json << ": " << draft.error().code << ": " << draft.error().detail;
  return draft.value_or(EventDraft());
}

// The refusal of what must be refused.
Refusal RefusalOf(const std::string& json, const DraftOrigin& origin = kOrigin) {
  auto draft = DecodeDraft(json, origin);
  EXPECT_FALSE(draft) << json;
  return draft ? Refusal{.code = "none"} : draft.error();
}

std::string Log(const std::string& members) {
  return R"({"type":"log","message":"m")" + (members.empty() ? "" : "," + members) + "}";
}

TEST(DecodeDraftTest, ReadsEveryKey) {
  const EventDraft draft = Draft(
      R"({"type":"stage_completed","job_id":"render-42","event_id":"e-1","stage":"train/epoch-3",)"
      R"("gate":"g","attempt":2,"status":"done","level":"debug","message":"encoded \u00e9",)"
      R"("payload":{"fps":23.97},"occurred_at":"1970-01-01T00:00:01Z"})");
  EXPECT_EQ(draft.kind, EventType::kStageCompleted);
  EXPECT_EQ(draft.type, "stage_completed");
  EXPECT_EQ(draft.job_id, "render-42");
  EXPECT_EQ(draft.event_id, "e-1");
  EXPECT_EQ(draft.stage, "train/epoch-3");
  EXPECT_EQ(draft.gate, "g");
  EXPECT_EQ(draft.attempt, 2);
  EXPECT_EQ(draft.status, "done");
  EXPECT_EQ(draft.level, "debug");
  EXPECT_EQ(draft.message, "encoded \xc3\xa9");
  EXPECT_EQ(draft.payload, R"({"fps":23.97})");
  EXPECT_EQ(draft.occurred_at_micros, 1'000'000);
  EXPECT_EQ(draft.actor, "gpu-3");
}

TEST(DecodeDraftTest, WhatIsLeftOutIsEmptyOrTheTypesDefault) {
  const EventDraft draft = Draft(R"({"type":"job_failed"})");
  EXPECT_EQ(draft.kind, EventType::kJobFailed);
  EXPECT_EQ(draft.job_id, "render-42");
  EXPECT_EQ(draft.status, "failed");
  EXPECT_EQ(draft.level, "error");
  EXPECT_EQ(draft.event_id + draft.stage + draft.gate + draft.message + draft.payload, "");
  EXPECT_EQ(draft.attempt, std::nullopt);
  EXPECT_EQ(draft.occurred_at_micros, std::nullopt);
}

TEST(DecodeDraftTest, TheDefaultsAreThoseOfTheTable) {
  for (const TypeTraits& traits : AllTypes()) {
    const EventDraft draft = Draft(R"({"type":")" + std::string(traits.name) +
                                   R"(","stage":"s","gate":"g","message":"m"})");
    EXPECT_EQ(draft.kind, traits.type);
    EXPECT_EQ(draft.status, traits.status);
    EXPECT_EQ(draft.level, traits.level);
  }
}

TEST(DecodeDraftTest, NullStandsForLeftOut) {
  const EventDraft draft = Draft(
      R"({"type":"log","message":"m","job_id":null,"event_id":null,"stage":null,"gate":null,)"
      R"("attempt":null,"status":null,"level":null,"payload":null,"metadata":{"a":1},"ts":null,)"
      R"("occurred_at":null})");
  EXPECT_EQ(draft.job_id, "render-42");
  EXPECT_EQ(draft.level, "info");
  EXPECT_EQ(draft.payload, R"({"a":1})");
  EXPECT_EQ(draft.occurred_at_micros, std::nullopt);
  EXPECT_EQ(RefusalOf(R"({"type":null})").code, "missing_field");
  EXPECT_EQ(RefusalOf(R"({"type":"log","message":null})").code, "missing_field");
  EXPECT_EQ(RefusalOf(Log(R"("job_id":null)"), kNoJob).code, "missing_field");
}

TEST(DecodeDraftTest, TakesTheOtherSpellings) {
  const EventDraft draft = Draft(R"({"event_type":"job_started","metadata":{"a":1}})");
  EXPECT_EQ(draft.kind, EventType::kJobStarted);
  EXPECT_EQ(draft.payload, R"({"a":1})");
}

TEST(DecodeDraftTest, RefusesBothSpellingsAtOnce) {
  Refusal refusal = RefusalOf(R"({"type":"job_started","event_type":"job_started"})");
  EXPECT_EQ(refusal.code, "duplicate_key");
  EXPECT_EQ(refusal.field, "event_type");
  refusal = RefusalOf(Log(R"("payload":{},"metadata":{})"));
  EXPECT_EQ(refusal.code, "duplicate_key");
  EXPECT_EQ(refusal.field, "metadata");
}

TEST(DecodeDraftTest, TheEmittersTimeIsTheFirstOfThreeKeys) {
  const std::string ts = R"("ts":"1970-01-01T00:00:01Z")";
  const std::string timestamp = R"("timestamp":"1970-01-01T00:00:02Z")";
  const std::string occurred_at = R"("occurred_at":"1970-01-01T00:00:03Z")";
  const auto time_of = [](const std::string& members) {
    return Draft(Log(members)).occurred_at_micros;
  };
  EXPECT_EQ(time_of(ts), 1'000'000);
  EXPECT_EQ(time_of(timestamp + "," + ts), 2'000'000);
  EXPECT_EQ(time_of(ts + "," + timestamp), 2'000'000);
  EXPECT_EQ(time_of(occurred_at + "," + timestamp + "," + ts), 3'000'000);
  EXPECT_EQ(time_of(ts + "," + timestamp + "," + occurred_at), 3'000'000);
}

TEST(DecodeDraftTest, TimesAreTextOrSecondsOrMilliseconds) {
  const auto time_of = [](const std::string& value) {
    return Draft(Log(R"("ts":)" + value)).occurred_at_micros;
  };
  EXPECT_EQ(time_of(R"("2026-11-21T09:41:02+02:00")"), 1'795'246'862'000'000);
  EXPECT_EQ(time_of("1795246862"), 1'795'246'862'000'000);
  EXPECT_EQ(time_of("1795246862.123456"), 1'795'246'862'123'456);
  EXPECT_EQ(time_of("1795246862123"), 1'795'246'862'123'000);
  EXPECT_EQ(time_of("1.795246862e9"), 1'795'246'862'000'000);
  EXPECT_EQ(time_of("9999999999"), 9'999'999'999'000'000);
  EXPECT_EQ(time_of("631152000000"), 631'152'000'000'000);
  EXPECT_EQ(time_of("0"), 0);
  EXPECT_EQ(time_of("-1.5"), -1'500'000);
  EXPECT_EQ(time_of("1795246862123456"), 1'795'246'862'123'456);
  EXPECT_EQ(time_of("1795246862123456001"), 1'795'246'862'123'456) << "no double holds it";
  EXPECT_EQ(time_of(R"("1795246862123456")"), 1'795'246'862'123'456) << "journald";
  EXPECT_EQ(time_of(R"("0")"), 0);
  EXPECT_EQ(time_of(R"("20261121T074102Z")"), 1'795'246'862'000'000);
  EXPECT_EQ(time_of(R"("2026-11-21 08:41:02,5+0100")"), 1'795'246'862'500'000);
}

TEST(DecodeDraftTest, ALevelIsAWordInAnyCase) {
  const auto level_of = [](const std::string& word) {
    return Draft(Log(R"("level":")" + word + "\"")).level;
  };
  EXPECT_EQ(level_of("WARNING"), "warning");
  EXPECT_EQ(level_of("warn"), "warning");
  EXPECT_EQ(level_of("Fatal"), "critical");
  EXPECT_EQ(level_of("NOTICE"), "info");
  EXPECT_EQ(RefusalOf(Log(R"("level":"30")")).code, "invalid_field") << "on which scale?";
  EXPECT_EQ(RefusalOf(Log(R"("level":30)")).code, "invalid_field");
}

TEST(DecodeDraftTest, RefusesWhatIsNoTime) {
  for (const char* value :
       {R"("")", R"("now")", R"("2026-11-21T07:41:02")", R"("2026-02-30T00:00:00Z")", "true", "[]",
        "{}", "1e300", "-1e300", "-99999999999", "12345678901234567890123", "20231114",
        R"("20231114")", "20231114221320", "638355968000000000", "133444736000000000", "45244"}) {
    for (const char* key : {"ts", "timestamp", "occurred_at"}) {
      const Refusal refusal = RefusalOf(Log("\"" + std::string(key) + "\":" + value));
      EXPECT_EQ(refusal.code, "invalid_time") << value;
      EXPECT_EQ(refusal.field, key);
    }
  }
}

TEST(DecodeDraftTest, SaysWhatANumberThatIsNoTimeLooksLike) {
  EXPECT_NE(RefusalOf(Log(R"("ts":638355968000000000)")).detail.find(".NET ticks"),
            std::string::npos);
  EXPECT_NE(RefusalOf(Log(R"("ts":"45244")")).detail.find("spreadsheet"), std::string::npos);
}

TEST(DecodeDraftTest, AGatePauseWithoutAGateIsNamedByItsStage) {
  EXPECT_EQ(Draft(R"({"type":"gate_pause","stage":"review"})").gate, "review");
  EXPECT_EQ(Draft(R"({"type":"gate_pause","stage":"review","gate":"g"})").gate, "g");
  EXPECT_EQ(RefusalOf(R"({"type":"gate_approved","stage":"review"})").code, "missing_field");
  EXPECT_EQ(RefusalOf(R"({"type":"gate_pause","stage":"a/b"})").code, "invalid_id");
  EXPECT_EQ(RefusalOf(R"({"type":"gate_pause"})").code, "missing_field");
}

TEST(DecodeDraftTest, WhatTheJournalAddsIsIgnored) {
  const EventDraft draft =
      Draft(Log(R"("seq":"any","job_seq":{},"hash":1,"actor":"mallory","violations":["x"])"));
  EXPECT_EQ(draft.actor, "gpu-3");
}

TEST(DecodeDraftTest, AStoredLineCanBeSentAgain) {
  Event event;
  event.draft =
      Draft(R"({"type":"gate_pause","stage":"s","gate":"g","attempt":3,"message":"\"m\"\u0000\n",)"
            R"("payload":{"x-n":1.50,"x-t":" a b "},"occurred_at":"2026-11-21T07:41:02.5Z"})");
  event.draft.event_id = "e-1";
  event.seq = 7;
  event.job_seq = 3;
  event.ts_micros = 1'795'246'862'123'456;
  event.violations = {"job_over"};
  const EventDraft again = Draft(EncodeEvent(event, std::string(64, '0')).body);
  EXPECT_TRUE(SameContent(again, event.draft));
  EXPECT_EQ(again.job_id, event.draft.job_id);
  EXPECT_EQ(again.event_id, event.draft.event_id);
  EXPECT_EQ(again.occurred_at_micros, event.draft.occurred_at_micros);
}

struct BadDraft {
  const char* json;
  const char* code;
  const char* field;
};

class BadDraftTest : public testing::TestWithParam<BadDraft> {};

TEST_P(BadDraftTest, IsRefusedWithItsCodeAndField) {
  const Refusal refusal = RefusalOf(GetParam().json);
  EXPECT_EQ(refusal.code, GetParam().code) << refusal.detail;
  EXPECT_EQ(refusal.field, GetParam().field) << GetParam().json;
  EXPECT_FALSE(refusal.detail.empty());
  EXPECT_EQ(refusal.line, std::nullopt);
}

INSTANTIATE_TEST_SUITE_P(
    Drafts, BadDraftTest,
    testing::Values(
        BadDraft{"", "malformed_json", ""}, BadDraft{"{", "malformed_json", ""},
        BadDraft{R"({"type":"log","message":"m"} x)", "malformed_json", ""},
        BadDraft{R"({"type":"log","message":"m",})", "malformed_json", ""},
        BadDraft{R"({"type":"log","message":"\ud800"})", "malformed_json", ""},
        BadDraft{R"({"type":"log","message":"m","payload":{"a":"\udc00"}})", "malformed_json", ""},
        BadDraft{"{\"type\":\"log\",\"message\":\"\xff\"}", "malformed_json", ""},
        BadDraft{"{\"type\":\"log\",\"message\":\"\xed\xa0\x80\"}", "malformed_json", ""},
        BadDraft{"{\"type\":\"log\",\"message\":\"a\nb\"}", "malformed_json", ""},
        BadDraft{"[]", "not_an_object", ""}, BadDraft{"1", "not_an_object", ""},
        BadDraft{"null", "not_an_object", ""}, BadDraft{"{}", "missing_field", "type"},
        BadDraft{R"({"type":""})", "unknown_type", "type"},
        BadDraft{R"({"type":"job_complete"})", "unknown_type", "type"},
        BadDraft{R"({"event_type":"job_complete"})", "unknown_type", "event_type"},
        BadDraft{R"({"type":"x-"})", "unknown_type", "type"},
        BadDraft{R"({"type":"x-Upper"})", "unknown_type", "type"},
        BadDraft{R"({"type":5})", "invalid_field", "type"},
        BadDraft{R"({"type":"log"})", "missing_field", "message"},
        BadDraft{R"({"type":"log","message":""})", "missing_field", "message"},
        BadDraft{R"({"type":"stage_started"})", "missing_field", "stage"},
        BadDraft{R"({"type":"gate_rejected"})", "missing_field", "gate"},
        BadDraft{R"({"type":"log","message":["m"]})", "invalid_field", "message"},
        BadDraft{R"({"type":"log","mesage":"m"})", "unknown_key", "mesage"},
        BadDraft{R"({"type":"log","message":"m","":1})", "unknown_key", ""},
        BadDraft{R"({"type":"log","message":"m","Stage":"s"})", "unknown_key", "Stage"},
        BadDraft{R"({"type":"log","type":"log"})", "duplicate_key", "type"},
        BadDraft{R"({"type":"log","message":"m","m\u0065ssage":"n"})", "duplicate_key", "message"},
        BadDraft{R"({"type":"log","stage":null,"stage":null})", "duplicate_key", "stage"},
        BadDraft{R"({"type":"log","seq":1,"seq":1})", "duplicate_key", "seq"},
        BadDraft{R"({"type":"job_started","job_id":""})", "invalid_id", "job_id"},
        BadDraft{R"({"type":"job_started","job_id":".."})", "invalid_id", "job_id"},
        BadDraft{R"({"type":"job_started","job_id":"a/b"})", "invalid_id", "job_id"},
        BadDraft{R"({"type":"job_started","job_id":"stagelog.x"})", "invalid_id", "job_id"},
        BadDraft{R"({"type":"job_started","job_id":"a\u0000"})", "invalid_id", "job_id"},
        BadDraft{R"({"type":"job_started","job_id":7})", "invalid_field", "job_id"},
        BadDraft{R"({"type":"job_started","job_id":"other"})", "job_mismatch", "job_id"},
        BadDraft{R"({"type":"stage_started","stage":""})", "invalid_id", "stage"},
        BadDraft{R"({"type":"stage_started","stage":"a//b"})", "invalid_id", "stage"},
        BadDraft{R"({"type":"stage_started","stage":"../b"})", "invalid_id", "stage"},
        BadDraft{R"({"type":"stage_started","stage":{}})", "invalid_field", "stage"},
        BadDraft{R"({"type":"gate_pause","gate":""})", "invalid_id", "gate"},
        BadDraft{R"({"type":"gate_pause","gate":"a/b"})", "invalid_id", "gate"},
        BadDraft{R"({"type":"job_started","event_id":""})", "invalid_id", "event_id"},
        BadDraft{R"({"type":"job_started","event_id":"a b"})", "invalid_id", "event_id"},
        BadDraft{R"({"type":"job_started","event_id":"\u00e9"})", "invalid_id", "event_id"},
        BadDraft{R"({"type":"job_started","event_id":1})", "invalid_field", "event_id"},
        BadDraft{R"({"type":"job_started","attempt":0})", "invalid_field", "attempt"},
        BadDraft{R"({"type":"job_started","attempt":-0})", "invalid_field", "attempt"},
        BadDraft{R"({"type":"job_started","attempt":1.0})", "invalid_field", "attempt"},
        BadDraft{R"({"type":"job_started","attempt":"1"})", "invalid_field", "attempt"},
        BadDraft{R"({"type":"job_started","attempt":1000000001})", "invalid_field", "attempt"},
        BadDraft{R"({"type":"job_started","attempt":99999999999999999999})", "invalid_field",
                 "attempt"},
        BadDraft{R"({"type":"job_started","status":"a\nb"})", "invalid_field", "status"},
        BadDraft{R"({"type":"job_started","status":1})", "invalid_field", "status"},
        BadDraft{R"({"type":"job_started","level":"wran"})", "invalid_field", "level"},
        BadDraft{R"({"type":"job_started","level":""})", "invalid_field", "level"},
        BadDraft{R"({"type":"job_started","payload":[]})", "invalid_field", "payload"},
        BadDraft{R"({"type":"job_started","payload":"{}"})", "invalid_field", "payload"},
        BadDraft{R"({"type":"job_started","metadata":1})", "invalid_field", "metadata"},
        BadDraft{R"({"type":"job_started","ts":"yesterday"})", "invalid_time", "ts"}));

TEST(DecodeDraftTest, UnknownWordsNameTheNearestKnownOne) {
  EXPECT_THAT(RefusalOf(R"({"type":"log","mesage":"m"})").detail, HasSubstr("'message'"));
  EXPECT_THAT(RefusalOf(R"({"type":"job_complete"})").detail, HasSubstr("'job_completed'"));
  EXPECT_THAT(RefusalOf(Log(R"("level":"wraning")")).detail, HasSubstr("'warning'"));
}

// A refusal becomes JSON: whatever it repeats must be UTF-8, also where it was cut.
TEST(DecodeDraftTest, ALongForeignWordIsCutBetweenCharacters) {
  for (size_t shift = 0; shift < 4; ++shift) {
    std::string word(shift, 'x');
    for (int i = 0; i < 200; ++i) word += "\xf0\x9f\x98\x80";
    for (const std::string& json : {"{\"" + word + "\":1}", R"({"type":")" + word + "\"}",
                                    Log(R"("level":")" + word + "\"")}) {
      const Refusal refusal = RefusalOf(json);
      EXPECT_NO_THROW(nlohmann::json(refusal.detail).dump());
      EXPECT_NO_THROW(nlohmann::json(refusal.field).dump());
      EXPECT_LT(refusal.detail.size(), 600U);
    }
  }
}

// Quadratic work on these would take minutes.
TEST(DecodeDraftTest, AnObjectOfTensOfThousandsOfKeysIsRefusedAtItsFirst) {
  std::string json = "{";
  for (int i = 0; json.size() < kMaxEventBytes - 20; ++i) {
    json += "\"" + std::to_string(i) + "\":1,";
  }
  const Refusal refusal = RefusalOf(json + "\"x\":1}");
  EXPECT_EQ(refusal.code, "unknown_key");
  EXPECT_EQ(refusal.field, "0");
}

TEST(DecodeDraftTest, APayloadKeepsItsBytesButForWhiteSpaceBetweenTokens) {
  const auto payload_of = [](const std::string& payload) {
    return Draft(Log("\"payload\":" + payload)).payload;
  };
  const std::string spelled =
      R"({"z":1.50,"a":1E5,"m":-0,"n":12345678901234567890123,"e":"\u00e9\/","s":" a  b ","":[]})";
  EXPECT_EQ(payload_of(spelled), spelled);
  EXPECT_EQ(payload_of("{ \"z\" : 1.50 ,\n\t\"s\" : \" { } , : \\\" \" , \"a\" : [ 1 , { } ] }"),
            R"({"z":1.50,"s":" { } , : \" ","a":[1,{}]})");
  EXPECT_EQ(payload_of(R"({"a":1,"a":2})"), R"({"a":1,"a":2})");
  EXPECT_EQ(payload_of("{ }"), "{}");
  EXPECT_EQ(payload_of("{\"k\":\"\xc3\xa9\xe2\x80\xa8\"}"), "{\"k\":\"\xc3\xa9\xe2\x80\xa8\"}");
}

TEST(DecodeDraftTest, DepthIsBoundedWithoutACrash) {
  const auto nested = [](size_t depth) {
    return Log("\"payload\":{\"a\":" + std::string(depth, '[') + std::string(depth, ']') + "}");
  };
  EXPECT_EQ(Draft(nested(126)).payload.size(), 6 + 2 * 126U);
  EXPECT_EQ(RefusalOf(nested(127)).code, "too_deep");
  EXPECT_EQ(RefusalOf(nested(100'000)).code, "too_deep");
  EXPECT_EQ(RefusalOf(Log("\"payload\":" + std::string(100'000, '['))).code, "too_deep");
}

TEST(DecodeDraftTest, AnEventHoldsAtMost256KiB) {
  const auto of_size = [&](size_t size) {
    return Log(R"("stage":"s","payload":{"a":")" + std::string(size, 'x') + "\"}");
  };
  const size_t overhead = of_size(0).size();
  const std::string largest = of_size(kMaxEventBytes - overhead);
  ASSERT_EQ(largest.size(), size_t{262144});
  EXPECT_FALSE(Draft(largest).payload.empty());
  EXPECT_EQ(RefusalOf(of_size(kMaxEventBytes - overhead + 1)).code, "event_too_large");
}

TEST(DecodeDraftTest, LongTextsAreBounded) {
  EXPECT_EQ(Draft(Log("\"status\":\"" + std::string(128, 's') + "\"")).status.size(), 128U);
  EXPECT_EQ(RefusalOf(Log("\"status\":\"" + std::string(129, 's') + "\"")).code, "invalid_field");
  EXPECT_EQ(RefusalOf(Log("\"event_id\":\"" + std::string(129, 's') + "\"")).code, "invalid_id");
}

TEST(DecodeDraftTest, WithoutAJobInTheAddressEachEventNamesItsOwn) {
  EXPECT_EQ(Draft(Log(R"("job_id":"a")"), kNoJob).job_id, "a");
  const Refusal refusal = RefusalOf(Log(""), kNoJob);
  EXPECT_EQ(refusal.code, "missing_field");
  EXPECT_EQ(refusal.field, "job_id");
}

// --- Bodies

std::string OutcomeOf(const tl::expected<DecodedBody, Refusal>& body) {
  if (body) return std::to_string(body->drafts.size()) + (body->is_batch ? " batch" : " single");
  const Refusal& refusal = body.error();
  if (refusal.index) return refusal.code + " at [" + std::to_string(*refusal.index) + "]";
  return refusal.code + (refusal.line ? " at " + std::to_string(*refusal.line) : "");
}

std::string JsonResult(const std::string& body) { return OutcomeOf(DecodeJsonBody(body, kOrigin)); }
std::string NdjsonResult(const std::string& body) {
  return OutcomeOf(DecodeNdjsonBody(body, kOrigin));
}

const std::string kLog = R"({"type":"log","message":"m"})";

TEST(DecodeJsonBodyTest, TakesOneEventOrAnArray) {
  EXPECT_EQ(JsonResult(kLog), "1 single");
  EXPECT_EQ(JsonResult(" \r\n" + kLog + "\t\n"), "1 single");
  EXPECT_EQ(JsonResult("[" + kLog + "]"), "1 batch");
  EXPECT_EQ(JsonResult(" [ " + kLog + " ,\n" + kLog + " ] "), "2 batch");
}

TEST(DecodeJsonBodyTest, AnArraysOrderIsKept) {
  const auto body = DecodeJsonBody(
      R"([{"type":"log","message":"],[\"}"},{"type":"x-b","payload":{"a":[1,2]}}])", kOrigin);
  ASSERT_TRUE(body);
  EXPECT_EQ(body->drafts[0].message, "],[\"}");
  EXPECT_EQ(body->drafts[1].payload, R"({"a":[1,2]})");
}

TEST(DecodeJsonBodyTest, PassesOverAByteOrderMark) {
  EXPECT_EQ(JsonResult("\xef\xbb\xbf" + kLog), "1 single");
  EXPECT_EQ(JsonResult("\xef\xbb\xbf[" + kLog + "]"), "1 batch");
  EXPECT_EQ(JsonResult("\xef\xbb\xbf\xef\xbb\xbf" + kLog), "malformed_json");
  const auto body = DecodeJsonBody("\xef\xbb\xbf" + Log(R"("payload":{"a":1})"), kOrigin);
  EXPECT_EQ(body->drafts[0].payload, R"({"a":1})");
}

TEST(DecodeJsonBodyTest, RefusesAndNamesTheElement) {
  EXPECT_EQ(JsonResult(""), "malformed_json");
  EXPECT_EQ(JsonResult("[]"), "empty_batch");
  EXPECT_EQ(JsonResult(" [ ] "), "empty_batch");
  EXPECT_EQ(JsonResult("[1]"), "not_an_object at [0]");
  EXPECT_EQ(JsonResult("[1,]"), "not_an_object at [0]");
  EXPECT_EQ(JsonResult("[" + kLog + ",]"), "malformed_json at [1]");
  EXPECT_EQ(JsonResult("[," + kLog + "]"), "malformed_json at [0]");
  EXPECT_EQ(JsonResult("[" + kLog + "," + kLog + R"(,{"type":"nope"}])"), "unknown_type at [2]");
  EXPECT_EQ(JsonResult("[{}] x"), "missing_field at [0]");
  EXPECT_EQ(JsonResult("[" + kLog + "] x"), "malformed_json");
  EXPECT_EQ(JsonResult("[" + kLog + "][" + kLog + "]"), "malformed_json");
  EXPECT_EQ(JsonResult("[" + kLog + "}"), "malformed_json");
  EXPECT_EQ(JsonResult("[[" + kLog + "]]"), "not_an_object at [0]");
  EXPECT_EQ(JsonResult("[" + kLog + " " + kLog + "]"), "malformed_json at [0]");
  EXPECT_EQ(JsonResult("[{]}"), "malformed_json at [0]");
  EXPECT_EQ(JsonResult(std::string(1'000'000, '[')), "event_too_large at [0]");
  EXPECT_EQ(JsonResult(std::string(100'000, '[')), "not_an_object at [0]");
  EXPECT_EQ(JsonResult(kLog + std::string("\0", 1)), "malformed_json");
  EXPECT_EQ(JsonResult(kLog + "\n" + kLog), "malformed_json");  // NDJSON under the wrong name
}

TEST(BatchPlacesTest, NamesTheDraftAsTheSenderCountsIt) {
  const auto lines = DecodeNdjsonBody("\n" + kLog + "\n\n" + kLog + "\n", kOrigin);
  ASSERT_TRUE(lines);
  const Refusal at_line = lines->where.Locate({.code = "c", .detail = "d", .line = 2});
  EXPECT_EQ(at_line.line, 4);
  EXPECT_EQ(at_line.index, std::nullopt);
  EXPECT_EQ(at_line.detail, "line 4: d");
  const auto array = DecodeJsonBody("[" + kLog + "," + kLog + "]", kOrigin);
  ASSERT_TRUE(array);
  const Refusal at_index = array->where.Locate({.code = "c", .detail = "d", .line = 2});
  EXPECT_EQ(at_index.line, std::nullopt);
  EXPECT_EQ(at_index.index, 1);
  EXPECT_EQ(at_index.detail, "event [1]: d");
  EXPECT_EQ(array->where.Locate({.code = "c", .detail = "d"}).detail, "d");
}

TEST(DecodeJsonBodyTest, AnArrayCutAnywhereIsRefused) {
  const std::string whole = "[" + kLog + "," + Log(R"("payload":{"a":[1,"]"]})") + "]";
  ASSERT_EQ(JsonResult(whole), "2 batch");
  for (size_t size = 0; size < whole.size(); ++size) {
    EXPECT_FALSE(DecodeJsonBody(whole.substr(0, size), kOrigin)) << size;
  }
}

TEST(DecodeJsonBodyTest, TheDetailNamesTheEvent) {
  const auto body = DecodeJsonBody("[" + kLog + ",{}]", kOrigin);
  EXPECT_THAT(body.error().detail, StartsWith("event [1]: "));
}

TEST(DecodeNdjsonBodyTest, TakesLinesWithAnyEnding) {
  EXPECT_EQ(NdjsonResult(kLog), "1 batch");
  EXPECT_EQ(NdjsonResult(kLog + "\n" + kLog), "2 batch");
  EXPECT_EQ(NdjsonResult(kLog + "\r\n\r\n \t\n\n" + kLog + "\r\n"), "2 batch");
  EXPECT_EQ(NdjsonResult("\xef\xbb\xbf" + kLog + "\n"), "1 batch");
  EXPECT_EQ(NdjsonResult(kLog + "\r\n\xef\xbb\xbf" + kLog + "\r\n"), "2 batch")
      << "two files that were joined";
}

TEST(DecodeNdjsonBodyTest, NumbersCountAllLines) {
  EXPECT_EQ(NdjsonResult(""), "empty_batch");
  EXPECT_EQ(NdjsonResult("\r\n\n  \n"), "empty_batch");
  EXPECT_EQ(NdjsonResult("\n\n{}\n"), "missing_field at 3");
  EXPECT_EQ(NdjsonResult(kLog + "\n\r\n" + kLog + "\n[" + kLog + "]"), "not_an_object at 4");
  EXPECT_EQ(NdjsonResult(kLog + "\n{\"type\":\n\"log\"}"), "malformed_json at 2");
  EXPECT_EQ(NdjsonResult(kLog + kLog), "malformed_json at 1");
  EXPECT_EQ(NdjsonResult(kLog + "," + kLog), "malformed_json at 1");
}

TEST(DecodeBodyTest, ABatchHoldsAtMost100000Events) {
  std::string lines;
  std::string array = "[";
  for (size_t i = 0; i < kMaxBatchEvents; ++i) {
    lines += "{\"type\":\"x-a\"}\n";
    array += "{\"type\":\"x-a\"},";
  }
  EXPECT_EQ(NdjsonResult(lines), "100000 batch");
  EXPECT_EQ(NdjsonResult(lines + "{\"type\":\"x-a\"}"), "batch_too_large");
  EXPECT_EQ(JsonResult(array + "{\"type\":\"x-a\"}]"), "batch_too_large");
}

// --- Payloads that the state machine reads ---

// The code and the field of the refusal, or "taken".
std::string PayloadResult(const std::string& type, const std::string& payload,
                          const std::string& key = "payload") {
  const auto draft = DecodeDraft(R"({"type":")" + type + R"(","stage":"s","gate":"g",)" +
                                     R"("message":"m",")" + key + "\":" + payload + "}",
                                 kOrigin);
  return draft ? "taken" : draft.error().code + " " + draft.error().field;
}

TEST(DecodeDraftTest, APayloadThatTheTypeCannotReadIsRefused) {
  EXPECT_EQ(PayloadResult("job_created", R"({"strict":"yes"})"), "invalid_field payload.strict");
  EXPECT_EQ(PayloadResult("job_created", R"({"stages":["a",".."]})"),
            "invalid_field payload.stages");
  EXPECT_EQ(PayloadResult("job_created", R"({"pipeline":""})"), "invalid_field payload.pipeline");
  EXPECT_EQ(PayloadResult("gate_pause", R"({"timeout_seconds":0})"),
            "invalid_field payload.timeout_seconds");
  EXPECT_EQ(PayloadResult("gate_pause", R"({"timeout_seconds":31536001})"),
            "invalid_field payload.timeout_seconds");
  EXPECT_EQ(PayloadResult("gate_pause", R"({"on_timeout":"approve"})"),
            "invalid_field payload.on_timeout");
  EXPECT_EQ(PayloadResult("gate_rejected", R"({"comment":7})"), "invalid_field payload.comment");
}

TEST(DecodeDraftTest, TheOtherSpellingOfPayloadIsJudgedToo) {
  EXPECT_EQ(PayloadResult("job_created", R"({"strict":7})", "metadata"),
            "invalid_field payload.strict");
}

TEST(DecodeDraftTest, TheSameKeysAreTheEmittersOwnWhereTheTypeReadsNone) {
  for (const char* type : {"job_started", "stage_started", "log", "x-note", "heartbeat"}) {
    EXPECT_EQ(PayloadResult(type, R"({"strict":7,"timeout_seconds":-1,"comment":[]})"), "taken")
        << type;
  }
}

// It is stored and flagged, for progress is evidence too.
TEST(DecodeDraftTest, AbsurdProgressIsTaken) {
  for (const char* figure : {"-1", "1e308", "\"7\"", "[]"}) {
    EXPECT_EQ(PayloadResult("stage_progress", std::string(R"({"current":)") + figure + "}"),
              "taken")
        << figure;
  }
}

TEST(DecodeDraftTest, ANumberThatNothingCanHoldIsNoJson) {
  EXPECT_EQ(PayloadResult("stage_progress", R"({"current":1e999})"), "malformed_json ");
}

}  // namespace
}  // namespace stagelog
