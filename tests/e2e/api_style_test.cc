// What is the same at every route: how lists end, where created things are, how a batch's event is
// named, who is told what of roles, what a page of another origin may read.
#include <gmock/gmock.h>

#include <algorithm>
#include <cctype>
#include <set>

#include "tests/support/daemon_fixture.h"

namespace stagelog {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;

std::string Lowered(std::string text) {
  std::transform(text.begin(), text.end(), text.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return text;
}

std::set<std::string> ItemsOf(const std::string& list) {
  std::set<std::string> items;
  for (size_t at = 0; at < list.size();) {
    const size_t end = std::min(list.find(", ", at), list.size());
    items.insert(Lowered(list.substr(at, end - at)));
    at = end + 2;
  }
  return items;
}

class ApiStyleTest : public DaemonTest {
 protected:
  void SetUp() override { Start(); }

  std::string LocationOf(const HttpResponse& response) {
    EXPECT_EQ(response.status, 201) << response.body;
    return response.Header("location");
  }
};

// --- Lists

TEST_F(ApiStyleTest, EveryListSaysWhetherThereIsMoreAndWhereToGoOn) {
  for (const char* job : {"a", "b", "c"}) {
    Append(job, R"({"type":"gate_pause","gate":"g"})");
  }
  for (const std::string list : {"jobs", "gates", "events"}) {
    std::vector<std::string> seen;
    std::string after = list == "events" ? "&after=0" : "";
    for (int page = 0; page < 5; ++page) {
      const Json answer = GetJson("/api/v1/" + list + "?limit=1" + after);
      ASSERT_TRUE(answer.at("has_more").is_boolean()) << list;
      for (const Json& item : answer.at(list)) seen.push_back(item.at("job_id"));
      if (!answer.at("has_more").get<bool>()) break;
      after = "&after=" + answer.at("next_after").dump();
    }
    std::sort(seen.begin(), seen.end());
    EXPECT_THAT(seen, ElementsAre("a", "b", "c")) << list;
  }
  const Json last = GetJson("/api/v1/jobs");
  EXPECT_TRUE(last.at("next_after").is_null());
  EXPECT_FALSE(last.at("has_more").get<bool>());
}

TEST_F(ApiStyleTest, OlderSpellingsOfTheCursorOfJobsAreTaken) {
  for (const char* job : {"a", "b", "c"}) AppendLogs(job, 1);
  const Json page = GetJson("/api/v1/jobs?limit=2");
  EXPECT_EQ(page.at("next_before"), page.at("next_after"));
  const std::string cursor = page.at("next_before").dump();
  // Durations go on between the two answers.
  const Json before = GetJson("/api/v1/jobs?before=" + cursor).at("jobs");
  const Json after = GetJson("/api/v1/jobs?after=" + cursor).at("jobs");
  ASSERT_EQ(before.size(), 1U);
  ASSERT_EQ(after.size(), 1U);
  EXPECT_EQ(before[0].at("last_hash"), after[0].at("last_hash"));
  ExpectProblem(admin().Get("/api/v1/jobs?before=1&after=1"), 400, "invalid_parameter");
  ExpectProblem(admin().Get("/api/v1/jobs?after=x"), 400, "invalid_parameter");
}

TEST_F(ApiStyleTest, StagesAndGatesOfAJobAreLists) {
  Append("job", R"({"type":"stage_started","stage":"decode"})");
  Append("job", R"({"type":"stage_started","stage":"encode/audio"})");
  Append("job", R"({"type":"gate_pause","gate":"qa","payload":{"prompt":"fine?"}})");
  // As of one seq: the live answers count on.
  const Json job = GetJson("/api/v1/jobs/job?at_seq=3");
  for (const std::string key : {"stages", "gates"}) {
    const Json list = GetJson("/api/v1/jobs/job/" + key + "?at_seq=3");
    EXPECT_EQ(list.at(key), job.at(key));
    EXPECT_EQ(list.at("job_id"), "job");
    EXPECT_EQ(list.at("job_status"), "paused");
    EXPECT_EQ(list.at("as_of_seq"), 3);
    EXPECT_FALSE(list.at("has_more").get<bool>());
    EXPECT_TRUE(list.at("next_after").is_null());
  }
  EXPECT_EQ(GetJson("/api/v1/jobs/job/stages?at_seq=1").at("stages").size(), 1U);
  EXPECT_EQ(GetJson("/api/v1/jobs/job/gates?at_seq=1").at("gates").size(), 0U);
  ExpectProblem(admin().Get("/api/v1/jobs/nobody/stages"), 404, "unknown_job");
  ExpectProblem(admin().Get("/api/v1/jobs/job/gates?wait=1"), 400, "unknown_parameter");
  ExpectProblem(admin().Post("/api/v1/jobs/job/stages", "{}"), 405, "method_not_allowed");
}

TEST_F(ApiStyleTest, ACursorThatWasNotGivenOutYetIsNoThingOfThePast) {
  AppendLogs("job", 2);
  const HttpResponse refused = admin().Get("/api/v1/events?after=3");
  ExpectProblem(refused, 410, "cursor_beyond_head");
  EXPECT_EQ(refused.Header("cache-control"), "no-store") << "a cache may keep a 410";
  const std::string detail = Json::parse(refused.body).at("detail");
  EXPECT_THAT(detail, HasSubstr("the cursor comes from another journal"));
  EXPECT_THAT(detail, HasSubstr("after=2"));
  AppendLogs("job", 1);
  EXPECT_EQ(admin().Get("/api/v1/events?after=3").status, 200);
}

// --- Created things

TEST_F(ApiStyleTest, EveryCreatedThingHasALocationThatCanBeRead) {
  const std::string events = "/api/v1/jobs/job/events";
  EXPECT_EQ(LocationOf(admin().Post("/api/v1/jobs", R"({"job_id":"new"})")), "/api/v1/jobs/new");
  EXPECT_EQ(LocationOf(admin().Post(events, R"({"type":"log","message":"1"})")),
            "/api/v1/jobs/job");
  const std::string second = LocationOf(admin().Post(events, R"({"type":"log","message":"2"})"));
  EXPECT_EQ(Json::parse(admin().Get(second).body).at("events").at(0).at("message"), "2");
  EXPECT_EQ(GetJson(second).at("events").size(), 1U);
  const std::string batch = LocationOf(admin().Post(
      events, "{\"type\":\"log\",\"message\":\"3\"}\n{\"type\":\"log\",\"message\":\"4\"}\n",
      kNdjson));
  EXPECT_EQ(GetJson(batch).at("events").at(0).at("message"), "3");
  const std::string over_jobs =
      LocationOf(admin().Post("/api/v1/events", R"([{"type":"log","message":"5","job_id":"job"},
                                         {"type":"log","message":"6","job_id":"third"}])"));
  EXPECT_EQ(GetJson(over_jobs).at("events").size(), 2U);
  Append("job", R"({"type":"gate_pause","gate":"qa"})");
  const std::string gate = LocationOf(admin().Post("/api/v1/jobs/job/gates/qa/approve", ""));
  EXPECT_EQ(GetJson(gate).at("status"), "approved");
  const std::string canceled = LocationOf(admin().Post("/api/v1/jobs/job/cancel", ""));
  EXPECT_EQ(GetJson(canceled).at("status"), "canceled");
}

TEST_F(ApiStyleTest, WhatWasThereBeforeHasNoLocationButAJobThatIsAskedFor) {
  const char* event = R"({"type":"log","message":"1","event_id":"e"})";
  EXPECT_EQ(admin().Post("/api/v1/jobs/job/events", event).status, 201);
  const HttpResponse again = admin().Post("/api/v1/jobs/job/events", event);
  EXPECT_EQ(again.status, 200);
  EXPECT_FALSE(again.HasHeader("location"));
}

// --- Comments

TEST_F(ApiStyleTest, CommentAndMessageAreOneThing) {
  for (const std::string key : {"comment", "message"}) {
    const std::string body = "{\"" + key + "\":\"because\"}";
    const std::string job = "/api/v1/jobs/" + key;
    Append(key, R"({"type":"gate_pause","gate":"yes"})");
    Append(key, R"({"type":"gate_pause","gate":"no"})");
    EXPECT_EQ(admin().Post(job + "/gates/yes/approve", body).status, 201);
    EXPECT_EQ(admin().Post(job + "/gates/no/reject", body).status, 201);
    EXPECT_EQ(GetJson(job + "/gates/yes").at("comment"), "because");
    EXPECT_EQ(GetJson(job + "/gates/no").at("comment"), "because");
    EXPECT_EQ(admin().Post(job + "/resume", body).status, 201);
    EXPECT_EQ(admin().Post(job + "/cancel", body).status, 201);
    int told = 0;
    for (const std::string& line : Lines(key))
      told += line.find("\"message\":\"because\"") != line.npos;
    EXPECT_EQ(told, 4);
  }
  Append("job", R"({"type":"gate_pause","gate":"g"})");
  const char* both = R"({"comment":"a","message":"b"})";
  for (const char* target : {"/gates/g/approve", "/gates/g/reject", "/cancel", "/resume"}) {
    ExpectProblem(admin().Post("/api/v1/jobs/job" + std::string(target), both), 422,
                  "duplicate_key");
  }
}

// --- Batches

TEST_F(ApiStyleTest, AnEventOfAnArrayHasAnIndexAndOneOfNdjsonALine) {
  Append("job", R"({"type":"log","message":"m","event_id":"e"})");
  const std::string events = "/api/v1/jobs/job/events";
  const std::string log = R"({"type":"log","message":"m"})";
  const std::string beat = R"({"type":"heartbeat"})";
  struct Case {
    std::string bad;
    int status;
  };
  // Refused by the decoder, by the roles of the token, and by the writer.
  for (const auto& [bad, status] :
       {Case{R"({"type":"nope"})", 422}, Case{R"({"type":"gate_approved","gate":"g"})", 403},
        Case{R"({"type":"log","message":"x","event_id":"e"})", 409}}) {
    const Json array =
        Json::parse(As(kWriterToken).Post(events, "[" + log + "," + beat + "," + bad + "]").body);
    EXPECT_EQ(array.at("status"), status);
    EXPECT_EQ(array.at("index"), 2) << array;
    EXPECT_FALSE(array.contains("line")) << array;
    EXPECT_TRUE(array.at("detail").get<std::string>().starts_with("event [2]: ")) << array;
    const Json lines = Json::parse(
        As(kWriterToken)
            .Post(events, log + "\n\n" + beat + "\r\n" + bad + "\n" + log + "\n", kNdjson)
            .body);
    EXPECT_EQ(lines.at("status"), status);
    EXPECT_EQ(lines.at("line"), 4) << lines;
    EXPECT_FALSE(lines.contains("index")) << lines;
    EXPECT_TRUE(lines.at("detail").get<std::string>().starts_with("line 4: ")) << lines;
    const Json single = Json::parse(As(kWriterToken).Post(events, bad).body);
    EXPECT_EQ(single.at("status"), status);
    EXPECT_FALSE(single.contains("line") || single.contains("index")) << single;
  }
}

// --- Roles

TEST_F(ApiStyleTest, WhoIsForbiddenSomethingIsToldWhichRoleItTakes) {
  struct Case {
    std::string_view token;
    std::string_view method;
    std::string target;
    std::string needed;
    std::string name;
    std::string has;
  };
  const std::string gate = "/api/v1/jobs/job/gates/g/approve";
  for (const Case& each :
       {Case{kReaderToken, "POST", "/api/v1/jobs", "writer", "watcher", "reader"},
        Case{kReaderToken, "POST", "/api/v1/events", "writer", "watcher", "reader"},
        Case{kReaderToken, "POST", gate, "approver", "watcher", "reader"},
        Case{kWriterToken, "POST", gate, "approver", "gpu-3", "writer"},
        Case{kApproverToken, "POST", "/api/v1/jobs/job/cancel", "writer", "alice", "approver"},
        Case{kWriterToken, "DELETE", "/api/v1/jobs/job", "admin", "gpu-3", "writer"},
        Case{kApproverToken, "POST", "/api/v1/admin/backup", "admin", "alice", "approver"}}) {
    const HttpResponse refused =
        As(each.token)
            .Request(each.method, each.target, {{"Content-Type", "application/json"}}, "{}");
    ExpectProblem(refused, 403, "forbidden");
    const Json problem = Json::parse(refused.body);
    const std::string detail = problem.at("detail");
    EXPECT_THAT(detail, HasSubstr("'" + each.needed + "'")) << each.target;
    EXPECT_THAT(detail, HasSubstr("'" + each.name + "' has " + each.has)) << each.target;
    EXPECT_EQ(problem.at("needed_role"), each.needed);
    EXPECT_EQ(problem.at("token"), each.name);
    EXPECT_EQ(problem.at("roles"), Json::array({each.has}));
  }
  const HttpResponse event =
      As(kApproverToken).Post("/api/v1/jobs/job/events", R"({"type":"log","message":"m"})");
  ExpectProblem(event, 403, "forbidden");
  EXPECT_EQ(Json::parse(event.body).at("needed_role"), "writer");
}

TEST_F(ApiStyleTest, WhoIsNoApproverOfAGateIsToldWhoIs) {
  Append("job", R"({"type":"gate_pause","gate":"g","payload":{"approvers":["bob","carol"]}})");
  const HttpResponse refused = As(kApproverToken).Post("/api/v1/jobs/job/gates/g/approve", "");
  ExpectProblem(refused, 403, "forbidden");
  for (const char* name : {"'bob', 'carol'", "'alice'", "'admin'"}) {
    EXPECT_THAT(refused.body, HasSubstr(name));
  }
}

TEST_F(ApiStyleTest, OnlyWhatIsNearIsMeant) {
  const auto detail_of = [&](const HttpResponse& refused) {
    return Json::parse(refused.body).at("detail").get<std::string>();
  };
  EXPECT_THAT(detail_of(admin().Get("/api/v1/events?afetr=1")), HasSubstr("did you mean 'after'"));
  const std::string far = detail_of(admin().Get("/api/v1/events?colour=1"));
  EXPECT_THAT(far, Not(HasSubstr("did you mean")));
  EXPECT_THAT(far, HasSubstr("after, since, limit"));
  const std::string events = "/api/v1/jobs/job/events";
  EXPECT_THAT(detail_of(admin().Post(events, R"({"type":"log","mesage":"m"})")),
              HasSubstr("did you mean 'message'"));
  EXPECT_THAT(detail_of(admin().Post(events, R"({"type":"log","zzzzz":"m"})")),
              Not(HasSubstr("did you mean")));
  EXPECT_THAT(detail_of(admin().Post(events, R"({"type":"banana"})")),
              Not(HasSubstr("did you mean")));
}

// --- Other origins

// What a script of another origin reads without being allowed to (the Fetch standard,
// "CORS-safelisted response-header name"), and what is for browsers and proxies alone.
TEST_F(ApiStyleTest, APageMayReadEveryFieldOfOurAnswers) {
  const std::set<std::string> others = {"cache-control", "content-language", "content-length",
                                        "content-type",  "expires",          "last-modified",
                                        "pragma",        "connection",       "transfer-encoding",
                                        "vary",          "x-accel-buffering"};
  const HttpHeaders origin = {{"Origin", "http://localhost:5173"}};
  HttpHeaders ndjson = origin;
  ndjson.emplace_back("Accept", kNdjson);
  HttpHeaders gzip = origin;
  gzip.emplace_back("Content-Encoding", "br");
  const char* log = R"({"type":"log","message":"m"})";
  const std::string events = "/api/v1/jobs/job/events";
  const std::vector<HttpResponse> answers = {
      admin().Post(events, log, "application/json", origin),
      admin().Post("/api/v1/jobs", "{}", "application/json", origin),
      admin().Get(events, ndjson),
      admin().Get("/api/v1/jobs", origin),
      admin().Post(events, log, "application/json", gzip),
      admin().Post("/api/v1/gates", log, "application/json", origin),
      As("wrong").Get(events, origin),
      OpenStream("/api/v1/events/stream", origin).head()};
  for (const HttpResponse& answer : answers) {
    const std::set<std::string> exposed = ItemsOf(answer.Header("access-control-expose-headers"));
    for (const auto& [name, value] : answer.headers) {
      if (name.starts_with("access-control-") || others.contains(name)) continue;
      EXPECT_TRUE(exposed.contains(name)) << name << " of " << answer.status;
    }
    EXPECT_TRUE(exposed.contains("retry-after"));
  }
}

}  // namespace
}  // namespace stagelog
