// Gates with rules that several people and the timer decide at the same moment, by every door. What
// was decided is counted from the file alone, by rules that are written down here again.
#include <atomic>
#include <chrono>
#include <map>
#include <set>
#include <thread>

#include "core/event_codec.h"
#include "core/job_machine.h"
#include "core/job_state_json.h"
#include "tests/cli/command_fixture.h"
#include "tests/support/sanitizer.h"

namespace stagelog {
namespace {

constexpr int kGates = kSanitized ? 50 : 500;
constexpr std::chrono::milliseconds kBetweenGates(kSanitized ? 300 : 60);

constexpr std::string_view kPeople = R"(
auth:
  tokens:
    - {name: admin, token: default-admin-token-change-me, roles: [admin]}
    - {name: opener, token: token-of-the-opener, roles: [approver, writer]}
    - {name: ann, token: token-of-ann, roles: [approver, writer]}
    - {name: ben, token: token-of-ben, roles: [approver, writer]}
    - {name: cat, token: token-of-cat, roles: [admin]}
)";

constexpr const char* kRules = R"({"required":2,"allow_self":false,"timeout_seconds":1,)"
                               R"("on_timeout":"approve","fields":)"
                               R"([{"name":"n","type":"number","required":true,"max":9},)"
                               R"({"name":"t","type":"text"}]})";

class ContestedGateTest : public CommandTest {
 protected:
  void SetUp() override { StartDaemon(0, kPeople); }

  static std::string JobOf(int number) { return "job-" + std::to_string(number); }
  static std::string GateOf(int number) { return "/api/v1/jobs/" + JobOf(number) + "/gates/g"; }

  void Open(int number) {
    const std::string event =
        R"({"type":"gate_pause","gate":"g","payload":)" + std::string(kRules) + "}";
    ASSERT_EQ(
        As("token-of-the-opener").Post("/api/v1/jobs/" + JobOf(number) + "/events", event).status,
        201);
  }

  // What the four do to gate `number`. Some of it breaks the rules, at every door.
  void DecideAs(int person, int number) {
    const std::string command = GateOf(number);
    const std::string events = "/api/v1/jobs/" + JobOf(number) + "/events";
    switch (person) {
      case 0: {  // who opened it, with the command and as an event
        Note(As("token-of-the-opener").Post(command + "/approve", R"({"answers":{"n":1}})"));
        Note(As("token-of-the-opener")
                 .Post(events, R"({"type":"gate_rejected","gate":"g","message":"no"})"));
        return;
      }
      case 1: {  // the command line, twice
        for (int time = 0; time < 2; ++time) {
          cli_.Run(
              {"gate", "approve", JobOf(number), "g", "--field", "n=1", "--token", "token-of-ann"});
        }
        return;
      }
      case 2: {  // plain events: without an answer, right, once more
        for (const char* payload : {"{}", R"({"answers":{"n":1.0}})", R"({"answers":{"n":1}})"}) {
          Note(As("token-of-ben")
                   .Post(events, R"({"type":"gate_approved","gate":"g","payload":)" +
                                     std::string(payload) + "}"));
        }
        return;
      }
      default: {  // the command with another answer, the timer's own type, then a fitting approval
        Note(As("token-of-cat").Post(command + "/approve", R"({"answers":{"n":2}})"));
        Note(As("token-of-cat").Post(events, R"({"type":"gate_auto_approved","gate":"g"})"));
        if (number % 5 == 0) {
          Note(As("token-of-cat").Post(command + "/reject", R"({"comment":"no"})"));
        } else {
          Note(As("token-of-cat").Post(command + "/approve", "{}"));
        }
      }
    }
  }

  void Note(const HttpResponse& response) {
    const std::set<int> expected = {201, 403, 409};
    if (!expected.contains(response.status)) strange_ = response.status;
  }

  // All that the file says of one gate, by the rules and nothing else.
  void Check(int number) {
    std::set<std::string> approved_by;
    std::string decided_by;  // type of the event, and how many approvals it found
    JobState folded;
    for (const std::string& line : Lines(JobOf(number))) {
      ASSERT_TRUE(ApplyLine(folded, line));
      const Json event = Json::parse(line);
      const std::string type = event["type"];
      const std::string actor = event["actor"];
      const bool counts = !event.contains("violations");
      EXPECT_EQ(event.contains("approval"), counts && type == "gate_approved") << line;
      if (!counts || type == "gate_pause") continue;
      ASSERT_EQ(decided_by, "") << "something counts after the decision: " << line;
      EXPECT_NE(actor, "opener") << line;
      EXPECT_EQ(type == "gate_auto_approved", actor == "stagelog") << line;
      if (type == "gate_approved") {
        ASSERT_TRUE(approved_by.insert(actor).second) << line;
        EXPECT_EQ(event["approval"], Json({{"count", approved_by.size()}, {"required", 2}}));
        if (approved_by.size() < 2) continue;
      }
      decided_by = type;
    }
    ++decided_[decided_by];
    ASSERT_NE(decided_by, "");
    const Json gate = GetJson(GateOf(number));
    Json offline = Json::parse(EncodeJobState(folded))["gates"][0];
    for (const auto& member : offline.items()) {
      EXPECT_EQ(gate[member.key()], member.value()) << member.key() << " of " << JobOf(number);
    }
    EXPECT_EQ(gate["approvals"].size(), approved_by.size());
  }

  std::atomic<int> strange_ = 0;  // a status that none of these requests may have
  std::map<std::string, int> decided_;
};

TEST_F(ContestedGateTest, IsDecidedAsOftenAsTheRulesAllow) {
  // Gates are opened one after the other, and each is decided when its timer is about to. What
  // comes late finds it decided.
  const auto begin = std::chrono::steady_clock::now();
  const auto opens_at = [&](int number) { return begin + number * kBetweenGates; };
  std::vector<std::thread> people;
  for (int person = 0; person < 4; ++person) {
    people.emplace_back([&, person] {
      for (int number = 0; number < kGates; ++number) {
        const std::chrono::milliseconds lead(number * 7 % 90);
        std::this_thread::sleep_until(opens_at(number) + std::chrono::seconds(1) - lead);
        // Some gates are left to the timer alone.
        if (number % 25 != 7 || person == 0) DecideAs(person, number);
      }
    });
  }
  for (int number = 0; number < kGates; ++number) {
    std::this_thread::sleep_until(opens_at(number));
    Open(number);
  }
  for (std::thread& person : people) person.join();
  for (int number = 0; number < kGates; ++number) {
    As(kAdminToken).Get(GateOf(number) + "?wait=20");
  }
  for (int number = 0; number < kGates; ++number) Check(number);
  EXPECT_EQ(strange_, 0);
  RecordProperty("approved", decided_["gate_approved"]);
  RecordProperty("rejected", decided_["gate_rejected"]);
  RecordProperty("timer", decided_["gate_auto_approved"]);
  EXPECT_GT(decided_["gate_approved"], 0);
  EXPECT_GT(decided_["gate_rejected"], 0);
  EXPECT_GT(decided_["gate_auto_approved"], 0);
}

}  // namespace
}  // namespace stagelog
