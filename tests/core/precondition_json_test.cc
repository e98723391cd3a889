// Preconditions that another process is to check.
#include "core/precondition_json.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdint>
#include <functional>
#include <nlohmann/json.hpp>
#include <set>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "tests/core/job_story.h"

namespace stagelog {
namespace {

using testing::HasSubstr;

using OrderedJson = nlohmann::ordered_json;

// Quotes, escapes, control characters, NUL, and characters of two to four bytes.
const std::string kAwkward("\"ann\\\n\t\x01\0\x7f \u00e9\u20ac\U0001f600", 20);

// Each alternative, some in several forms.
std::vector<Precondition> Samples() {
  return {
      JobMustBeNew{"a"},
      MayCancelJob{"a"},
      MayResumeJob{"a"},
      JobNotOver{"a"},
      MayDecideGate{.job_id = "a", .gate = "g", .actor = "ann"},
      MayDecideGate{.job_id = "a", .gate = "g", .choice = "blue", .actor = "ann"},
      MayDecideGate{.job_id = "a", .gate = "g", .answers = R"({"n":1e2})", .actor = "ben"},
      MayDecideGate{.job_id = "a",
                    .gate = "g",
                    .decision = EventType::kGateRejected,
                    .choice = kAwkward,
                    .actor = kAwkward,
                    .is_admin = true},
      MayDecideGate{.job_id = "a", .gate = "g", .decision = EventType::kGateAutoApproved},
      MayDecideGate{.job_id = "a", .gate = "g", .decision = EventType::kGateExpired},
      GateStillPending{"a", "g", 30},
      GateStillPending{"a", "g", INT64_MAX},
      ApproversAllow{.actor = "cat", .decisions = {{1, "a", "g"}}},
      ApproversAllow{.actor = "ben",
                     .draft_count = 7,
                     .openings = {{2, "a", "h", {"ben", kAwkward}},
                                  {3, "b", "h", {"ben"}},
                                  {5, "b", "i", {}, false}},
                     .decisions = {{1, "a", "g"}, {4, "a", "h"}, {7, "b", "h"}}},
  };
}

// States that the samples hold in, and such as they do not hold in.
std::vector<JobState> States() {
  JobStory story;
  std::vector<JobState> states = {story.state()};  // there is no job
  const auto tell = [&](const char* type, const EventParts& parts = {}) {
    states.push_back(story.Tell(type, parts).state());
  };
  const char* const payload = R"({"options":["blue","red"],"approvers":["ann"],"allow_self":true})";
  tell("job_created");
  tell("job_started");
  tell("gate_pause", {.gate = "g", .payload = payload});
  tell("gate_approved", {.gate = "g", .payload = R"({"choice":"red"})", .actor = "ann"});
  tell("gate_pause", {.gate = "g"});
  tell("job_canceled");
  tell("job_resumed");
  tell("gate_pause",
       {.gate = "g",
        .payload = R"({"required":2,"allow_self":false,"fields":[{"name":"n","type":"number"}]})",
        .actor = "cat"});
  tell("gate_approved", {.gate = "g", .actor = "ben"});
  tell("job_failed", {.message = "full disk"});
  tell("job_resumed");
  tell("job_completed");
  return states;
}

// All of the refusal; none: empty.
std::string OutcomeOf(const Precondition& precondition, const JobState& state) {
  const auto refusal = CheckPrecondition(precondition, [&state](const std::string& job_id) {
    return job_id == "a" && state.job_seq > 0 ? &state : nullptr;
  });
  if (!refusal) return "";
  std::string text = refusal->code + "|" + refusal->detail + "|" + refusal->field + "|" +
                     std::to_string(refusal->line.value_or(0));
  for (const auto& [name, value] : refusal->members) text.append("|" + name + "=").append(value);
  return text;
}

std::string ProblemOf(const std::string& json) {
  const auto decoded = DecodePrecondition(json);
  return decoded ? "none" : decoded.error().message;
}

TEST(PreconditionJsonTest, TheSamplesAreOfEveryKind) {
  std::set<size_t> kinds;
  for (const Precondition& sample : Samples()) kinds.insert(sample.index());
  EXPECT_EQ(kinds.size(), std::variant_size_v<Precondition>);
}

TEST(PreconditionJsonTest, IsReadBackAsItWas) {
  for (const Precondition& sample : Samples()) {
    const std::string json = EncodePrecondition(sample);
    const auto decoded = DecodePrecondition(json);
    ASSERT_TRUE(decoded) << json << ": " << decoded.error().message;
    EXPECT_EQ(*decoded, sample) << json;
    EXPECT_EQ(EncodePrecondition(*decoded), json);
  }
}

TEST(PreconditionJsonTest, IsCheckedWithTheSameResultAfterwards) {
  for (const Precondition& sample : Samples()) {
    const std::string json = EncodePrecondition(sample);
    const Precondition decoded = *DecodePrecondition(json);
    bool holds = false;
    bool is_refused = false;
    for (const JobState& state : States()) {
      const std::string outcome = OutcomeOf(sample, state);
      EXPECT_EQ(OutcomeOf(decoded, state), outcome) << json;
      (outcome.empty() ? holds : is_refused) = true;
    }
    const auto* pending = std::get_if<GateStillPending>(&sample);
    const bool never_holds = pending != nullptr && pending->opened_seq == INT64_MAX;
    EXPECT_NE(holds, never_holds) << json << " holds in none of the states";
    EXPECT_TRUE(is_refused) << json << " is refused in none of the states";
  }
}

TEST(PreconditionJsonTest, LooksLikeThis) {
  const std::vector<std::pair<Precondition, std::string>> rows = {
      {JobMustBeNew{"a"}, R"({"kind":"job_must_be_new","job_id":"a"})"},
      {JobNotOver{"a"}, R"({"kind":"job_not_over","job_id":"a"})"},
      {MayCancelJob{"a"}, R"({"kind":"may_cancel_job","job_id":"a"})"},
      {MayResumeJob{"a"}, R"({"kind":"may_resume_job","job_id":"a"})"},
      {MayDecideGate{.job_id = "a", .gate = "g", .choice = "x", .actor = "ann"},
       R"({"kind":"may_decide_gate","job_id":"a","gate":"g","decision":"gate_approved",)"
       R"("choice":"x","answers":"","actor":"ann","is_admin":false})"},
      {GateStillPending{"a", "g", 17},
       R"({"kind":"gate_still_pending","job_id":"a","gate":"g","opened_seq":17})"},
      {ApproversAllow{.actor = "cat",
                      .draft_count = 2,
                      .openings = {{1, "a", "g", {"ann", "ben"}}},
                      .decisions = {{2, "a", "g"}}},
       R"({"kind":"approvers_allow","actor":"cat","draft_count":2,)"
       R"("openings":[{"line":1,"job_id":"a","gate":"g","approvers":["ann","ben"],)"
       R"("allow_self":true}],)"
       R"("decisions":[{"line":2,"job_id":"a","gate":"g"}]})"},
  };
  for (const auto& [value, json] : rows) EXPECT_EQ(EncodePrecondition(value), json);
}

// Calls `visit` with each object in `json`, itself first.
void ForEachObject(OrderedJson& json, const std::function<void(OrderedJson&)>& visit) {
  if (json.is_object()) visit(json);
  for (OrderedJson& element : json) {
    if (element.is_structured()) ForEachObject(element, visit);
  }
}

TEST(PreconditionJsonTest, EveryKeyIsNeeded) {
  size_t tried = 0;
  for (const Precondition& sample : Samples()) {
    OrderedJson json = OrderedJson::parse(EncodePrecondition(sample));
    ForEachObject(json, [&](OrderedJson& object) {
      const OrderedJson whole = object;
      for (const auto& [key, value] : whole.items()) {
        object.erase(key);
        const std::string problem = ProblemOf(json.dump());
        EXPECT_THAT(problem, HasSubstr("missing key '")) << json;
        EXPECT_THAT(problem, HasSubstr(key + "'")) << json;
        object = whole;
        ++tried;
      }
    });
  }
  EXPECT_GT(tried, 40u);
}

TEST(PreconditionJsonTest, NoOtherKeyIsTaken) {
  for (const Precondition& sample : Samples()) {
    OrderedJson json = OrderedJson::parse(EncodePrecondition(sample));
    ForEachObject(json, [&](OrderedJson& object) {
      object["job"] = "a";
      EXPECT_THAT(ProblemOf(json.dump()), HasSubstr("unknown key '")) << json;
      object.erase("job");
    });
  }
}

TEST(PreconditionJsonTest, NoValueOfAnotherTypeIsTaken) {
  const OrderedJson others[] = {
      nullptr, true, -1, 1.5, "a text", OrderedJson::array({1}), OrderedJson::object({{"a", 1}})};
  size_t taken = 0;
  for (const Precondition& sample : Samples()) {
    OrderedJson json = OrderedJson::parse(EncodePrecondition(sample));
    ForEachObject(json, [&](OrderedJson& object) {
      const OrderedJson whole = object;
      for (const auto& [key, value] : whole.items()) {
        for (const OrderedJson& other : others) {
          object[key] = other;
          const auto decoded = DecodePrecondition(json.dump());
          const bool may_be_taken =
              (other.is_string() && (key == "choice" || key == "actor" || key == "answers")) ||
              (other.is_boolean() && (key == "is_admin" || key == "allow_self"));
          EXPECT_EQ(decoded.has_value(), may_be_taken) << json;
          const std::string problem = decoded ? key : decoded.error().message;
          EXPECT_THAT(problem, HasSubstr(key)) << json;
          taken += may_be_taken ? 1 : 0;
        }
        object = whole;
      }
    });
  }
  EXPECT_GT(taken, 5u);
}

TEST(PreconditionJsonTest, ProblemsAreNamed) {
  const std::vector<std::pair<std::string, std::string>> rows = {
      {"", "not valid JSON at byte"},
      {"{", "not valid JSON at byte"},
      {"[]", "a precondition is a JSON object"},
      {"\"may_cancel_job\"", "a precondition is a JSON object"},
      {R"({"kind":"may_cancel_job","job_id":"a"} x)", "not valid JSON at byte"},
      {R"({"job_id":"a"})", "missing key 'kind'"},
      {R"({"kind":7,"job_id":"a"})", "'kind' must be a string"},
      {R"({"kind":"may_cancel_jop","job_id":"a"})",
       "unknown kind 'may_cancel_jop' of precondition; did you mean 'may_cancel_job'?"},
      {R"({"kind":"may_cancel_job","job_id":"a","kind":"may_resume_job"})", "duplicate key 'kind'"},
      {R"({"kind":"approvers_allow","actor":"c","draft_count":1,"openings":[],)"
       R"("decisions":[{"line":1,"job_id":"a","gate":"g","gate":"h"}]})",
       "duplicate key 'gate'"},
      {R"({"kind":"may_cancel_job"})", "may_cancel_job: missing key 'job_id'"},
      {R"({"kind":"may_cancel_job","job_id":"a","job":"b"})",
       "may_cancel_job: unknown key 'job'; did you mean 'job_id'?"},
      {R"({"kind":"may_cancel_job","job_id":"../a"})",
       "may_cancel_job: 'job_id' is not a valid name: '../a'"},
      {R"({"kind":"gate_still_pending","job_id":"a","gate":"","opened_seq":1})",
       "gate_still_pending: 'gate' is not a valid name: ''"},
      {R"({"kind":"gate_still_pending","job_id":"a","gate":"g","opened_seq":0})",
       "gate_still_pending: 'opened_seq' must be an integer of at least 1"},
      {R"({"kind":"gate_still_pending","job_id":"a","gate":"g","opened_seq":9223372036854775808})",
       "gate_still_pending: 'opened_seq' must be an integer of at least 1"},
      {R"({"kind":"may_decide_gate","job_id":"a","gate":"g","decision":"gate_pause","choice":"",)"
       R"("actor":"c","is_admin":false})",
       "may_decide_gate: 'decision' must be a type of event that decides a gate"},
      {R"({"kind":"approvers_allow","actor":"c","draft_count":1,"openings":[],"decisions":[]})",
       "approvers_allow: 'decisions' must not be empty"},
      {R"({"kind":"approvers_allow","actor":"c","draft_count":1,"openings":[],)"
       R"("decisions":[{"line":1,"job_id":"a","gate":"g"},{"line":2,"job_id":"a"}]})",
       "approvers_allow: missing key 'decisions[1].gate'"},
      {R"({"kind":"approvers_allow","actor":"c","draft_count":1,"openings":[],)"
       R"("decisions":[{"line":2,"job_id":"a","gate":"g"}]})",
       "approvers_allow: the lines of 'decisions' must ascend and be at most 'draft_count'"},
      {R"({"kind":"approvers_allow","actor":"c","draft_count":3,)"
       R"("openings":[{"line":2,"job_id":"a","gate":"g","approvers":["ann"],"allow_self":true},)"
       R"({"line":2,"job_id":"a","gate":"g","approvers":["ben"],"allow_self":true}],)"
       R"("decisions":[{"line":3,"job_id":"a","gate":"g"}]})",
       "approvers_allow: the lines of 'openings' must ascend and be at most 'draft_count'"},
      {R"({"kind":"approvers_allow","actor":"c","draft_count":2,)"
       R"("openings":[{"line":1,"job_id":"a","gate":"g","approvers":["ann",7],"allow_self":true}],)"
       R"("decisions":[{"line":2,"job_id":"a","gate":"g"}]})",
       "approvers_allow: 'openings[0].approvers[1]' must be a string"},
      {"{\"kind\":\"may_cancel_job\",\"job_id\":" + std::string(100'000, '[') + "1" +
           std::string(100'000, ']') + "}",
       "JSON is nested more than 8 levels deep"},
      {std::string("{\"kind\":\"may_cancel_job\",\"job_id\":\"a\"}\0", 39), "not valid JSON at"},
      {"\xef\xbb\xbf{\"kind\":\"may_cancel_job\",\"job_id\":\"a\"}", "not valid JSON at"},
      {"{\"kind\":\"may_cancel_job\",\"job_id\":\"\xff\"}", "not valid JSON at"},
  };
  for (const auto& [json, problem] : rows) {
    EXPECT_THAT(ProblemOf(json), HasSubstr(problem)) << json.substr(0, 200);
  }
}

// What is cut off or changed anywhere is refused, or is another precondition that is whole.
TEST(PreconditionJsonTest, DamageIsRefusedOrReadAsItStands) {
  size_t refused = 0;
  for (const Precondition& sample : Samples()) {
    const std::string json = EncodePrecondition(sample);
    for (size_t size = 0; size < json.size(); ++size) {
      EXPECT_NE(ProblemOf(json.substr(0, size)), "none");
    }
    for (size_t at = 0; at < json.size(); ++at) {
      for (const char other : {'"', '\\', '}', ',', '0', '\xff'}) {
        std::string damaged = json;
        damaged[at] = other;
        const auto decoded = DecodePrecondition(damaged);
        refused += decoded ? 0 : 1;
        if (!decoded) continue;
        EXPECT_EQ(*DecodePrecondition(EncodePrecondition(*decoded)), *decoded);
      }
    }
  }
  EXPECT_GT(refused, 1'000u);
}

}  // namespace
}  // namespace stagelog
