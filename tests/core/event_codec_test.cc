#include "core/event_codec.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <openssl/sha.h>

#include <cstdio>
#include <random>
#include <string>
#include <vector>

namespace stagelog {
namespace {

Event FullEvent() {
  Event event;
  event.draft.kind = EventType::kStageCompleted;
  event.draft.job_id = "render-42";
  event.draft.event_id = "0192f0c1-0000-7000-8000-000000000000";
  event.draft.occurred_at_micros = 1'795'246'862'101'000;
  event.draft.type = "stage_completed";
  event.draft.stage = "encode";
  event.draft.gate = "review";
  event.draft.attempt = 2;
  event.draft.status = "completed";
  event.draft.level = "info";
  event.draft.message = "encoded 9000 \"frames\"\n";
  event.draft.payload = R"({"fps":23.970})";
  event.draft.actor = "gpu-3";
  event.seq = 1042;
  event.job_seq = 17;
  event.ts_micros = 1'795'246'862'123'456;
  event.violations = {"job_over", "other"};
  return event;
}

// FIPS 180-4 by another road than src/base's.
std::string IndependentSha256(const std::string& bytes) {
  unsigned char digest[SHA256_DIGEST_LENGTH];
  SHA256(reinterpret_cast<const unsigned char*>(bytes.data()), bytes.size(), digest);
  std::string hex;
  for (const unsigned char byte : digest) {
    char two[3];
    std::snprintf(two, sizeof(two), "%02x", byte);
    hex += two;
  }
  return hex;
}

// What the hash is made over: this line without its hash.
std::string WithoutHash(std::string line) {
  const size_t at = line.rfind(",\"hash\":\"");
  return line.substr(0, at) + "}";
}

void ExpectSame(const Event& a, const Event& b) {
  EXPECT_TRUE(SameContent(a.draft, b.draft));
  EXPECT_EQ(a.draft.kind, b.draft.kind);
  EXPECT_EQ(a.draft.job_id, b.draft.job_id);
  EXPECT_EQ(a.draft.event_id, b.draft.event_id);
  EXPECT_EQ(a.draft.occurred_at_micros, b.draft.occurred_at_micros);
  EXPECT_EQ(a.draft.actor, b.draft.actor);
  EXPECT_EQ(a.seq, b.seq);
  EXPECT_EQ(a.job_seq, b.job_seq);
  EXPECT_EQ(a.ts_micros, b.ts_micros);
  EXPECT_EQ(a.violations, b.violations);
  EXPECT_EQ(a.approval_count, b.approval_count);
  EXPECT_EQ(a.approvals_required, b.approvals_required);
}

Event ApprovalEvent() {
  Event event = FullEvent();
  event.draft.type = "gate_approved";
  event.draft.kind = EventType::kGateApproved;
  event.draft.message = "one of two";
  event.violations.clear();
  event.approval_count = 1;
  event.approvals_required = 2;
  return event;
}

TEST(EncodeEventTest, AnApprovalSaysWhichItIs) {
  const SealedLine line = EncodeEvent(ApprovalEvent(), "");
  EXPECT_THAT(line.body, testing::HasSubstr(R"(},"approval":{"count":1,"required":2},"actor":)"));
  EXPECT_EQ(ViewEvent(line.body).approval, R"({"count":1,"required":2})");
  const auto decoded = DecodeStoredEvent(line.body);
  ASSERT_TRUE(decoded);
  ExpectSame(*decoded, ApprovalEvent());
  const auto sliced = SliceStoredEvent(line.body);
  ASSERT_TRUE(sliced);
  EXPECT_EQ(sliced->approval_count, 1);
  EXPECT_EQ(sliced->approvals_required, 2);
}

TEST(DecodeStoredEventTest, AnApprovalThatIsNoneIsRefused) {
  const std::string good = EncodeEvent(ApprovalEvent(), "").body;
  const std::string part = R"({"count":1,"required":2})";
  for (const char* other : {"1", R"({"count":1})", R"({"count":"1","required":2})", "[1,2]"}) {
    std::string line = good;
    EXPECT_FALSE(DecodeStoredEvent(line.replace(line.find(part), part.size(), other))) << other;
  }
}

TEST(EncodeEventTest, WritesAllKeysInTheOrderOfTheDesign) {
  const SealedLine line = EncodeEvent(FullEvent(), "");
  EXPECT_EQ(line.body,
            R"({"seq":1042,"job_id":"render-42","job_seq":17,)"
            R"("event_id":"0192f0c1-0000-7000-8000-000000000000",)"
            R"("ts":"2026-11-21T07:41:02.123456Z","occurred_at":"2026-11-21T07:41:02.101000Z",)"
            R"("type":"stage_completed","stage":"encode","gate":"review","attempt":2,)"
            R"("status":"completed","level":"info","message":"encoded 9000 \"frames\"\n",)"
            R"("payload":{"fps":23.970},"violations":["job_over","other"],"actor":"gpu-3",)"
            R"("hash":")" +
                line.hash + "\"}");
  EXPECT_THAT(line.hash, testing::MatchesRegex("[0-9a-f]{64}"));
}

TEST(EncodeEventTest, LeavesOutWhatHasNoValue) {
  Event event;
  event.draft.job_id = "a";
  event.draft.event_id = "e";
  event.draft.type = "x-a";
  event.draft.level = "info";
  event.seq = 1;
  event.job_seq = 1;
  EXPECT_EQ(WithoutHash(EncodeEvent(event, "").body),
            R"({"seq":1,"job_id":"a","job_seq":1,"event_id":"e",)"
            R"("ts":"1970-01-01T00:00:00.000000Z","occurred_at":"1970-01-01T00:00:00.000000Z",)"
            R"("type":"x-a","level":"info"})");
}

TEST(EncodeEventTest, TheHashIsThatOfThePreviousHashAndTheLineWithoutItsOwn) {
  const SealedLine first = EncodeEvent(FullEvent(), "");
  EXPECT_EQ(first.hash, IndependentSha256(WithoutHash(first.body)));
  const SealedLine second = EncodeEvent(FullEvent(), first.hash);
  EXPECT_EQ(second.hash, IndependentSha256(first.hash + WithoutHash(second.body)));
  EXPECT_NE(second.hash, first.hash);
}

TEST(EncodeEventTest, IsOneLine) {
  Event event = FullEvent();
  event.draft.message = std::string("a\nb\r\0c\x1f", 8) + "\xe2\x80\xa8";
  const std::string body = EncodeEvent(event, "").body;
  for (const char c : body) EXPECT_GE(static_cast<unsigned char>(c), 0x20);
}

TEST(ViewEventTest, ShowsSlicesOfTheLine) {
  const std::string body = EncodeEvent(FullEvent(), "").body;
  const EventView view = ViewEvent(body);
  EXPECT_EQ(view.seq, 1042);
  EXPECT_EQ(view.job_seq, 17);
  EXPECT_EQ(view.job_id, "render-42");
  EXPECT_EQ(view.ts, "2026-11-21T07:41:02.123456Z");
  EXPECT_EQ(view.event_id, "0192f0c1-0000-7000-8000-000000000000");
  EXPECT_EQ(view.type, "stage_completed");
  EXPECT_EQ(view.stage, "encode");
  EXPECT_EQ(view.gate, "review");
  EXPECT_EQ(view.level, "info");
  EXPECT_EQ(view.message, R"(encoded 9000 \"frames\"\n)");
  EXPECT_EQ(view.payload, R"({"fps":23.970})");
  EXPECT_EQ(view.hash, StoredHash(body));
}

TEST(ViewEventTest, IsNotFooledByKeysInsideThePayload) {
  Event event = FullEvent();
  event.draft.gate = "";
  event.draft.payload = R"({"seq":7,"gate":"no","hash":"no","stage":{"type":"no"}})";
  const std::string body = EncodeEvent(event, "").body;
  const EventView view = ViewEvent(body);
  EXPECT_EQ(view.seq, 1042);
  EXPECT_EQ(view.gate, "");
  EXPECT_EQ(view.stage, "encode");
  EXPECT_EQ(view.type, "stage_completed");
}

TEST(DecodeStoredEventTest, ReadsBackTheFullEvent) {
  const auto event = DecodeStoredEvent(EncodeEvent(FullEvent(), "").body);
  ASSERT_TRUE(event) << event.error().message;
  ExpectSame(*event, FullEvent());
}

TEST(DecodeStoredEventTest, SaysWhatIsWrongWithADamagedLine) {
  const std::string good = EncodeEvent(FullEvent(), "").body;
  const auto with = [&](const std::string& from, const std::string& to) {
    std::string line = good;
    return line.replace(line.find(from), from.size(), to);
  };
  for (const std::string& line :
       {std::string(),
        std::string("{}"),
        std::string("[]"),
        std::string("null"),
        good.substr(0, good.size() / 2),
        good + "x",
        good + std::string(4096, '\0'),
        std::string(100, '\0'),
        "\xef\xbb\xbf" + good,
        with("1042", "\"x\""),
        with("\"seq\"", "\"sex\""),
        with("stage_completed", "stage_done"),
        with("2026-11-21T07:41:02.123456Z", "2026-13-21T07:41:02.123456Z"),
        with("\"occurred_at\"", "\"occurred\""),
        with("\"render-42\"", "[]"),
        with("[\"job_over\"", "[1"),
        with("\"attempt\":2", "\"attempt\":\"2\""),
        with("\"attempt\":2", "\"attempt\":0"),
        with("\"attempt\":2", "\"attempt\":9223372036854775807"),
        with("\"render-42\"", "\"../render-42\""),
        with("\"render-42\"", "\"stagelog.db\""),
        with("\"encode\"", "\"encode/../..\""),
        with("\"review\"", "\"../review\""),
        with("\"review\"", "\"a/b\""),
        with("\"event_id\":\"", "\"event_id\":\"\\n"),
        std::string(1'000'000, '[')}) {
    const auto event = DecodeStoredEvent(line);
    ASSERT_FALSE(event) << line.substr(0, 200);
    EXPECT_FALSE(event.error().message.empty());
  }
}

// One parser is quick, the other takes what that one does not.
TEST(DecodeStoredEventTest, NumbersOfAnyLengthAreTaken) {
  Event event = FullEvent();
  event.draft.payload = R"({"n":123456789012345678901234567890,"deep":[[[1e-400]]]})";
  const auto decoded = DecodeStoredEvent(EncodeEvent(event, "").body);
  ASSERT_TRUE(decoded) << decoded.error().message;
  EXPECT_EQ(decoded->draft.payload, event.draft.payload);
  event.draft.payload = R"({"deep":)" + std::string(5'000, '[') + std::string(5'000, ']') + "}";
  EXPECT_TRUE(DecodeStoredEvent(EncodeEvent(event, "").body));
}

TEST(DecodeStoredEventTest, OfTwoEqualKeysTheSecondCountsAndReplacesNoOther) {
  std::string line = EncodeEvent(FullEvent(), "").body;
  line.insert(1, R"("message":"first","seq":7,)");
  const auto decoded = DecodeStoredEvent(line);
  ASSERT_TRUE(decoded) << decoded.error().message;
  ExpectSame(*decoded, FullEvent());
  line.replace(line.find("\"job_seq\""), 9, "\"seq\"");
  EXPECT_FALSE(DecodeStoredEvent(line)) << "it has no job_seq";
}

TEST(DecodeStoredEventTest, ACutLineIsNeverAnEvent) {
  const std::string good = EncodeEvent(FullEvent(), "").body;
  for (size_t size = 0; size < good.size(); ++size) {
    ASSERT_FALSE(DecodeStoredEvent(good.substr(0, size))) << size;
  }
}

// --- Random events

class CodecEvents {
 public:
  explicit CodecEvents(uint64_t seed) : random_(seed) {}

  Event Next() {
    const TypeTraits& traits = AllTypes()[Below(AllTypes().size())];
    Event event;
    EventDraft& draft = event.draft;
    draft.kind = traits.type;
    draft.type = traits.name;
    draft.job_id = Name();
    draft.event_id = Name();
    draft.occurred_at_micros = Micros();
    if (Coin()) draft.stage = Coin() ? Name() : Name() + "/" + Name();
    if (Coin()) draft.gate = Name();
    if (Coin()) draft.attempt = static_cast<int64_t>(1 + Below(1'000'000'000));
    if (Coin()) draft.status = Text();
    if (Coin()) draft.level = AllLevels()[Below(AllLevels().size())];
    if (Coin()) draft.message = Text();
    if (Coin()) draft.payload = Object(3);
    if (Coin()) draft.actor = Text();
    event.seq = static_cast<int64_t>(random_() >> 1);
    event.job_seq = static_cast<int64_t>(random_() >> 1);
    event.ts_micros = Micros();
    for (uint64_t left = Below(3); left > 0; --left) event.violations.push_back(Name());
    if (Coin()) event.approval_count = static_cast<int64_t>(1 + Below(64));
    if (event.approval_count > 0) event.approvals_required = static_cast<int64_t>(1 + Below(64));
    return event;
  }

 private:
  uint64_t Below(uint64_t bound) { return random_() % bound; }
  bool Coin() { return Below(2) == 0; }

  int64_t Micros() {
    return std::uniform_int_distribution<int64_t>(-62'167'219'200'000'000,
                                                  253'402'300'799'999'999)(random_);
  }

  std::string Name() {
    std::string name(1, static_cast<char>('a' + Below(26)));
    for (uint64_t left = Below(12); left > 0; --left) name += "abcXYZ019._-"[Below(12)];
    return name;
  }

  std::string Text() {
    static const std::vector<std::string> kOdd = {
        "\xc3\xa9", "\xe2\x80\xa8", "\xf0\x9f\x98\x80", "\"", "\\", "}", ",\"hash\":\""};
    std::string text;
    for (uint64_t left = Below(20); left > 0; --left) {
      if (Below(4) == 0) {
        text += kOdd[Below(kOdd.size())];
      } else {
        text += static_cast<char>(Below(128));
      }
    }
    return text;
  }

  std::string Value(int depth) {
    static const std::vector<std::string> kScalars = {
        "null", "true", "-0", "1.50", "1E5", "12345678901234567890123", R"("\u00e9 \/ \"")",
        "\"\""};
    if (depth == 0 || Coin()) return kScalars[Below(kScalars.size())];
    if (Coin()) return Object(depth - 1);
    std::string array = "[";
    for (uint64_t i = 0, count = Below(4); i < count; ++i) {
      array += (i > 0 ? "," : "") + Value(depth - 1);
    }
    return array + "]";
  }

  std::string Object(int depth) {
    std::string object = "{";
    for (uint64_t i = 0, count = Below(4); i < count; ++i) {
      object += (i > 0 ? ",\"" : "\"") + Name() + "\":" + Value(depth);
    }
    return object + "}";
  }

  std::mt19937_64 random_;
};

TEST(EventCodecPropertyTest, WhatIsEncodedReadsBackAndEncodesToTheSameBytes) {
  CodecEvents events(5);
  std::string previous;
  for (int i = 0; i < 3'000; ++i) {
    const Event event = events.Next();
    const SealedLine line = EncodeEvent(event, previous);
    const auto decoded = DecodeStoredEvent(line.body);
    ASSERT_TRUE(decoded) << decoded.error().message << "\n" << line.body;
    ExpectSame(*decoded, event);
    ASSERT_EQ(EncodeEvent(*decoded, previous).body, line.body);
    ASSERT_EQ(line.hash, IndependentSha256(previous + WithoutHash(line.body)));
    ASSERT_EQ(StoredHash(line.body), line.hash);
    ASSERT_TRUE(VerifyHash(line.body, previous));
    ASSERT_EQ(ViewEvent(line.body).seq, event.seq);
    ASSERT_EQ(ViewEvent(line.body).payload, event.draft.payload);
    previous = line.hash;
  }
}

// --- The chain

TEST(ChainHoldsTest, FollowsTheChainAndNoOther) {
  const SealedLine first = EncodeEvent(FullEvent(), "");
  const SealedLine second = EncodeEvent(FullEvent(), first.hash);
  EXPECT_TRUE(VerifyHash(first.body, ""));
  EXPECT_TRUE(VerifyHash(second.body, first.hash));
  EXPECT_FALSE(VerifyHash(second.body, ""));
  EXPECT_FALSE(VerifyHash(second.body, second.hash));
  EXPECT_FALSE(VerifyHash(first.body, first.hash));
}

TEST(ChainHoldsTest, DetectsEachFlippedBit) {
  const SealedLine line = EncodeEvent(FullEvent(), std::string(64, 'a'));
  for (size_t at = 0; at < line.body.size(); ++at) {
    for (int bit = 0; bit < 8; ++bit) {
      std::string edited = line.body;
      edited[at] = static_cast<char>(edited[at] ^ (1 << bit));
      ASSERT_FALSE(VerifyHash(edited, std::string(64, 'a'))) << at << " " << bit;
    }
  }
}

TEST(ChainHoldsTest, DetectsEachDroppedByteAndEachCut) {
  const SealedLine line = EncodeEvent(FullEvent(), "");
  for (size_t at = 0; at < line.body.size(); ++at) {
    std::string shorter = line.body;
    ASSERT_FALSE(VerifyHash(shorter.erase(at, 1), "")) << at;
    ASSERT_FALSE(VerifyHash(line.body.substr(0, at), "")) << at;
  }
  EXPECT_FALSE(VerifyHash(line.body + " ", ""));
  EXPECT_FALSE(VerifyHash("", ""));
}

TEST(CarriedHashTest, IsEmptyWhereTheLineDoesNotEndAsItShould) {
  const SealedLine line = EncodeEvent(FullEvent(), "");
  EXPECT_EQ(StoredHash(line.body), line.hash);
  EXPECT_EQ(StoredHash(""), "");
  EXPECT_EQ(StoredHash("{}"), "");
  EXPECT_EQ(StoredHash(line.body.substr(0, line.body.size() - 1)), "");
  EXPECT_EQ(StoredHash(WithoutHash(line.body)), "");
}

}  // namespace
}  // namespace stagelog
