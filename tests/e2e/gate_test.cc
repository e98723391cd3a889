// Gates for people: opening, deciding, waiting, timing out.
#include <gmock/gmock.h>

#include <filesystem>
#include <fstream>
#include <thread>

#include "tests/support/daemon_fixture.h"

namespace stagelog {
namespace {

using ::testing::HasSubstr;

constexpr std::string_view kTwoApprovers = R"(
auth:
  tokens:
    - {name: admin, token: default-admin-token-change-me, roles: [admin]}
    - {name: gpu-3, token: token-of-the-writer, roles: [writer]}
    - {name: alice, token: token-of-the-approver, roles: [approver]}
    - {name: bob, token: token-of-bob, roles: [approver, writer]}
)";

class GateTest : public DaemonTest {
 protected:
  void SetUp() override { Start(kTwoApprovers); }

  HttpClient alice() const { return As(kApproverToken); }
  HttpClient bob() const { return As("token-of-bob"); }

  void Open(const std::string& job, const std::string& gate, const std::string& payload = "{}") {
    Append(job, R"({"type":"gate_pause","gate":")" + gate + R"(","payload":)" + payload + "}");
  }

  static std::string PathOf(const std::string& job, const std::string& gate) {
    return "/api/v1/jobs/" + job + "/gates/" + gate;
  }

  Json Gate(const std::string& job, const std::string& gate) { return GetJson(PathOf(job, gate)); }
};

TEST_F(GateTest, ApprovalCarriesActorCommentChoiceViaAndTime) {
  Append("deploy", R"({"type":"job_started"})");
  Open("deploy", "go-live", R"({"prompt":"Ship it?","options":["now","tonight"]})");
  EXPECT_EQ(GetJson("/api/v1/jobs/deploy")["status"], "paused");
  const HttpResponse approved = alice().Post(PathOf("deploy", "go-live") + "/approve",
                                             R"({"comment":"looks good","choice":"tonight"})");
  EXPECT_EQ(approved.status, 201) << approved.body;
  EXPECT_EQ(Json::parse(approved.body)["job_status"], "running");
  const Json gate = Gate("deploy", "go-live");
  EXPECT_EQ(gate["status"], "approved");
  EXPECT_EQ(gate["decided_by"], "alice");
  EXPECT_EQ(gate["comment"], "looks good");
  EXPECT_EQ(gate["choice"], "tonight");
  EXPECT_EQ(gate["via"], "api");
  EXPECT_EQ(gate["prompt"], "Ship it?");
  const Json event = Json::parse(Lines("deploy").back());
  EXPECT_EQ(event["actor"], "alice");
  EXPECT_EQ(event["message"], "looks good");
  EXPECT_EQ(event["payload"], Json::parse(R"({"comment":"looks good","choice":"tonight",
                                              "via":"api"})"));
  EXPECT_EQ(gate["decided_at"], event["ts"]);
}

TEST_F(GateTest, RejectionNeedsAComment) {
  Open("deploy", "g");
  for (const std::string body :
       {"", "{}", R"({"comment":""})", R"({"comment":" \n"})", R"({"comment":null})"}) {
    ExpectProblem(alice().Post(PathOf("deploy", "g") + "/reject", body), 422, "missing_field");
  }
  ExpectProblem(alice().Post(PathOf("deploy", "g") + "/reject", R"({"comment":7})"), 422,
                "invalid_field");
  EXPECT_EQ(alice().Post(PathOf("deploy", "g") + "/reject", R"({"comment":"not today"})").status,
            201);
  const Json job = GetJson("/api/v1/jobs/deploy");
  EXPECT_EQ(job["status"], "paused");
  EXPECT_EQ(job["reason"], "gate g was rejected");
  EXPECT_EQ(admin().Post("/api/v1/jobs/deploy/resume", "").status, 201);
}

TEST_F(GateTest, WhoComesSecondIsShownTheDecisionThatStands) {
  Open("deploy", "g");
  ASSERT_EQ(alice().Post(PathOf("deploy", "g") + "/approve", R"({"comment":"mine"})").status, 201);
  const HttpResponse second =
      bob().Post(PathOf("deploy", "g") + "/reject", R"({"comment":"too late"})");
  ExpectProblem(second, 409, "gate_decided");
  const Json stands = Json::parse(second.body)["gate"];
  EXPECT_EQ(stands["status"], "approved");
  EXPECT_EQ(stands["decided_by"], "alice");
  EXPECT_EQ(stands["comment"], "mine");
  EXPECT_EQ(Lines("deploy").size(), 2);
}

TEST_F(GateTest, RepeatedDecisionWithItsEventIdIsAnsweredAsTheFirst) {
  Open("deploy", "g");
  const std::string body = R"({"event_id":"d-1","comment":"yes"})";
  EXPECT_EQ(alice().Post(PathOf("deploy", "g") + "/approve", body).status, 201);
  EXPECT_EQ(alice().Post(PathOf("deploy", "g") + "/approve", body).status, 200);
}

TEST_F(GateTest, TheKeyOfAnotherIsNoRepeat) {
  Open("deploy", "g", R"({"required":2})");
  const std::string approve = PathOf("deploy", "g") + "/approve";
  const HttpHeaders key = {{"Idempotency-Key", "\"approve-it\""}};
  EXPECT_EQ(alice().Post(approve, "{}", "application/json", key).status, 201);
  EXPECT_EQ(alice().Post(approve, "{}", "application/json", key).status, 200);
  ExpectProblem(bob().Post(approve, "{}", "application/json", key), 409, "event_id_conflict");
  EXPECT_EQ(Gate("deploy", "g")["status"], "pending");
  const HttpResponse second = bob().Post(approve, "{}");
  EXPECT_EQ(Json::parse(second.body)["gate_status"], "approved");
  EXPECT_EQ(Json::parse(second.body)["approval"], Json::parse(R"({"count":2,"required":2})"));
}

TEST_F(GateTest, WhoMayNotDecideIsToldSoAndNothingChanges) {
  Open("deploy", "g", R"({"approvers":["bob"]})");
  const std::string approve = PathOf("deploy", "g") + "/approve";
  ExpectProblem(As(kWriterToken).Post(approve, ""), 403, "forbidden");
  const HttpResponse foreign = alice().Post(approve, "");
  ExpectProblem(foreign, 403, "forbidden");
  EXPECT_THAT(foreign.body, HasSubstr("alice"));
  // The same by the other door.
  const std::string event = R"({"type":"gate_approved","gate":"g"})";
  ExpectProblem(As(kWriterToken).Post("/api/v1/jobs/deploy/events", event), 403, "forbidden");
  ExpectProblem(alice().Post("/api/v1/jobs/deploy/events", event), 403, "forbidden");
  EXPECT_EQ(Gate("deploy", "g")["status"], "pending");
  EXPECT_EQ(bob().Post(approve, "").status, 201);
}

TEST_F(GateTest, BatchThatOpensAGateIsBoundByTheApproversItNames) {
  const std::string batch = R"([{"type":"gate_pause","gate":"g","payload":{"approvers":["alice"]}},
                                {"type":"gate_approved","gate":"g"}])";
  const HttpResponse refused = bob().Post("/api/v1/jobs/deploy/events", batch);
  ExpectProblem(refused, 403, "forbidden");
  EXPECT_EQ(Json::parse(refused.body)["index"], 1);
  ExpectProblem(admin().Get("/api/v1/jobs/deploy"), 404, "unknown_job");
}

TEST_F(GateTest, UnknownJobsAndGatesAreNotFound) {
  Append("deploy", R"({"type":"job_started"})");
  ExpectProblem(alice().Post(PathOf("nobody", "g") + "/approve", ""), 404, "unknown_job");
  ExpectProblem(alice().Post(PathOf("deploy", "g") + "/approve", ""), 404, "unknown_gate");
  ExpectProblem(admin().Get(PathOf("deploy", "g")), 404, "unknown_gate");
  ExpectProblem(admin().Get(PathOf("deploy", "g") + "?wait=1"), 404, "unknown_gate");
  ExpectProblem(admin().Get(PathOf("deploy", "b%20d")), 422, "invalid_id");
}

TEST_F(GateTest, ChoiceMustBeOneOfTheOptions) {
  Open("deploy", "g", R"({"options":["now","tonight"]})");
  const HttpResponse refused =
      alice().Post(PathOf("deploy", "g") + "/approve", R"({"choice":"never"})");
  ExpectProblem(refused, 422, "invalid_field");
  EXPECT_THAT(refused.body, HasSubstr("tonight"));
  EXPECT_EQ(Gate("deploy", "g")["status"], "pending");
}

TEST_F(GateTest, AnApprovalOfAGateWithOptionsNeedsAChoice) {
  Open("deploy", "g", R"({"options":["now","tonight"]})");
  for (const char* body : {"", "{}", R"({"choice":null})", R"({"comment":"fine"})"}) {
    const HttpResponse refused = alice().Post(PathOf("deploy", "g") + "/approve", body);
    ExpectProblem(refused, 422, "choice_required");
    EXPECT_EQ(Json::parse(refused.body)["field"], "choice") << body;
    EXPECT_THAT(refused.body, HasSubstr("tonight")) << body;
  }
  const HttpResponse appended =
      admin().Post("/api/v1/jobs/deploy/events", R"({"type":"gate_approved","gate":"g"})");
  EXPECT_EQ(Json::parse(appended.body)["violations"], Json::array({"choice_required"}))
      << appended.body;
  EXPECT_EQ(Gate("deploy", "g")["status"], "pending");
  EXPECT_EQ(alice().Post(PathOf("deploy", "g") + "/reject", R"({"comment":"no"})").status, 201);
}

TEST_F(GateTest, ADecisionTakesNoUnknownKeyByWhicheverDoor) {
  Open("deploy", "g", R"({"options":["a","b"]})");
  const HttpResponse by_path =
      alice().Post(PathOf("deploy", "g") + "/approve", R"({"choise":"b"})");
  ExpectProblem(by_path, 422, "unknown_key");
  const HttpResponse by_event =
      admin().Post("/api/v1/jobs/deploy/events",
                   R"({"type":"gate_approved","gate":"g","payload":{"choise":"b"}})");
  ExpectProblem(by_event, 422, "unknown_key");
  EXPECT_EQ(Json::parse(by_event.body)["field"], "payload.choise");
  EXPECT_THAT(by_event.body, HasSubstr("did you mean 'choice'?"));
  EXPECT_EQ(Gate("deploy", "g")["status"], "pending");
  Append("deploy", R"({"type":"gate_approved","gate":"g","payload":{"choice":"b","x-ticket":7}})");
  EXPECT_EQ(Gate("deploy", "g")["choice"], "b");
}

TEST_F(GateTest, InboxListsWhatIsPendingOverAllJobs) {
  Open("a", "first");
  Open("b", "second", R"({"prompt":"really?"})");
  Open("c", "third");
  ASSERT_EQ(alice().Post(PathOf("a", "first") + "/approve", "").status, 201);
  const Json inbox = GetJson("/api/v1/gates?status=pending");
  ASSERT_EQ(inbox["gates"].size(), 2);
  EXPECT_EQ(inbox["gates"][0]["job_id"], "b");
  EXPECT_EQ(inbox["gates"][0]["prompt"], "really?");
  EXPECT_TRUE(inbox["next_after"].is_null());
  const Json page = GetJson("/api/v1/gates?limit=2");
  ASSERT_EQ(page["gates"].size(), 2);
  const Json rest = GetJson("/api/v1/gates?after=" + page["next_after"].dump());
  ASSERT_EQ(rest["gates"].size(), 1);
  EXPECT_EQ(rest["gates"][0]["gate"], "third");
  ExpectProblem(admin().Get("/api/v1/gates?status=open"), 400, "invalid_parameter");
  Append("c", R"({"type":"job_failed"})");
  EXPECT_EQ(GetJson("/api/v1/gates?status=canceled")["gates"][0]["job_id"], "c");
}

TEST_F(GateTest, WaitingRequestIsAnsweredAsSoonAsTheGateIsDecided) {
  Open("deploy", "g");
  auto waiting = HttpConnection::Connect(daemon_->port(), std::chrono::seconds(30));
  ASSERT_TRUE(waiting);
  ASSERT_TRUE(waiting->Send(
      RequestText("GET", PathOf("deploy", "g") + "?wait=60", BearerHeader(kAdminToken))));
  AppendLogs("deploy", 3);  // no decision: it goes on waiting
  Open("deploy", "another");
  ASSERT_EQ(alice().Post(PathOf("deploy", "another") + "/approve", "").status, 201);
  ASSERT_EQ(alice().Post(PathOf("deploy", "g") + "/approve", "").status, 201);
  const auto answer = waiting->ReadResponse();
  ASSERT_TRUE(answer);
  EXPECT_EQ(answer->status, 200);
  EXPECT_EQ(Json::parse(answer->body)["status"], "approved");
}

TEST_F(GateTest, WaitEndsWithThePendingGateAndWithTheJob) {
  Open("deploy", "g");
  EXPECT_EQ(GetJson(PathOf("deploy", "g") + "?wait=1")["status"], "pending");
  auto waiting = HttpConnection::Connect(daemon_->port(), std::chrono::seconds(30));
  ASSERT_TRUE(waiting);
  ASSERT_TRUE(waiting->Send(
      RequestText("GET", PathOf("deploy", "g") + "?wait=60", BearerHeader(kAdminToken))));
  ASSERT_EQ(admin().Post("/api/v1/jobs/deploy/cancel", "").status, 201);
  const auto answer = waiting->ReadResponse();
  ASSERT_TRUE(answer);
  EXPECT_EQ(Json::parse(answer->body)["status"], "canceled");
  ExpectProblem(admin().Get(PathOf("deploy", "g") + "?wait=61"), 400, "invalid_parameter");
  ExpectProblem(admin().Get(PathOf("deploy", "g") + "?wait=5&at_seq=1"), 400, "invalid_parameter");
}

TEST_F(GateTest, TimerDecidesAsTheGateSays) {
  Open("a", "g", R"({"timeout_seconds":1})");
  Open("b", "g", R"({"timeout_seconds":1,"on_timeout":"approve"})");
  Open("c", "g", R"({"timeout_seconds":1,"on_timeout":"reject"})");
  EXPECT_EQ(GetJson(PathOf("a", "g") + "?wait=60")["status"], "expired");
  EXPECT_EQ(GetJson(PathOf("b", "g") + "?wait=60")["status"], "auto_approved");
  const Json rejected = GetJson(PathOf("c", "g") + "?wait=60");
  EXPECT_EQ(rejected["status"], "rejected");
  EXPECT_EQ(rejected["decided_by"], "stagelog");
  EXPECT_EQ(rejected["via"], "timer");
  EXPECT_GE(rejected["waited_ms"], 1000);
  EXPECT_EQ(rejected["job_status"], "paused");
  ExpectProblem(alice().Post(PathOf("a", "g") + "/approve", ""), 409, "gate_decided");
}

TEST_F(GateTest, TimerFiresAtTheStartWhatWasDueWhileTheDaemonWasDown) {
  Open("a", "g", R"({"timeout_seconds":1})");
  Open("b", "g", R"({"timeout_seconds":3600})");
  const std::string opened_at = Gate("a", "g")["opened_at"];
  daemon_->Kill9();
  daemon_->WaitForExit(std::chrono::seconds(20));
  const auto due = std::chrono::steady_clock::now() + std::chrono::milliseconds(1100);
  std::this_thread::sleep_until(due);  // the moment must pass while nobody is there
  Start(kTwoApprovers);
  EXPECT_EQ(GetJson(PathOf("a", "g") + "?wait=60")["status"], "expired");
  EXPECT_EQ(Gate("b", "g")["status"], "pending");
}

TEST_F(GateTest, FilesOfTheJobFollow) {
  Open("deploy", "g", R"({"prompt":"Ship it?"})");
  ASSERT_EQ(alice().Post(PathOf("deploy", "g") + "/approve", "").status, 201);
  Stop();
  const auto read = [&](const std::string& name) {
    std::ifstream file(runs_dir() + "/deploy/" + name);
    return std::string(std::istreambuf_iterator<char>(file), {});
  };
  const Json state = Json::parse(read("state.json"));
  EXPECT_EQ(state["as_of_seq"], 2);
  EXPECT_EQ(state["last_hash"], Json::parse(Lines("deploy").back())["hash"]);
  const Json gate = Json::parse(read("gates/g.json"));
  EXPECT_EQ(gate["status"], "approved");
  EXPECT_EQ(gate["decided_by"], "alice");
}

}  // namespace
}  // namespace stagelog
