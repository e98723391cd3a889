// A backup of a daemon under load, and a daemon on what was restored.
#include <gmock/gmock.h>

#include <atomic>
#include <filesystem>
#include <set>
#include <thread>

#include "tests/support/daemon_fixture.h"

namespace stagelog {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;

constexpr const char* kBackup = "/api/v1/admin/backup";

class BackupOverHttpTest : public DaemonTest {
 protected:
  void SetUp() override { Start(Config()); }

  std::string Config() const {
    return std::string(kTestConfig) + "storage:\n  backup_dir: " + backups_ + "\n";
  }

  Json Backup(const std::string& parameters, int status = 201) {
    const HttpResponse answer = admin().Post(kBackup + parameters, "");
    EXPECT_EQ(answer.status, status) << answer.body;
    return Json::parse(answer.body);
  }

  // Puts a copy in the place of the journal and starts a daemon on it.
  void Restore(const std::string& name) {
    Stop();
    std::filesystem::rename(runs_dir(), directory_.Path("lost"));
    std::filesystem::copy(backups_ + "/" + name, runs_dir(),
                          std::filesystem::copy_options::recursive);
    Start(Config());
  }

  std::vector<StoredRow> Rows(const std::string& runs_dir) {
    const auto rows = ReadDatabase(runs_dir);
    EXPECT_TRUE(rows) << rows.error().message;
    return rows.value_or(std::vector<StoredRow>());
  }

  std::string backups_ = directory_.Path("backups");
};

TEST_F(BackupOverHttpTest, UnderLoadAndRestored) {
  AppendLogs("before", 50);
  std::atomic<bool> enough = false;
  std::atomic<int> appended = 0;
  std::vector<std::thread> writers;
  for (const char* job : {"a", "b", "c"}) {
    writers.emplace_back([this, job, &enough, &appended] {
      HttpClient client = admin();
      while (!enough) {
        const HttpResponse answer = client.Post("/api/v1/jobs/" + std::string(job) + "/events",
                                                R"({"type":"log","message":"under load"})");
        EXPECT_EQ(answer.status, 201) << answer.body;
        ++appended;
      }
    });
  }
  while (appended < 300) std::this_thread::yield();
  std::vector<Json> made;
  for (const char* name : {"one", "two", "three"}) {
    made.push_back(Backup("?to=" + std::string(name)));
    const int so_far = appended;
    while (appended < so_far + 100) std::this_thread::yield();
  }
  enough = true;
  for (std::thread& writer : writers) writer.join();
  const int64_t head = HeadSeq();
  const std::string journal_id = GetJson("/readyz")["journal_id"];
  for (const Json& report : made) {
    SCOPED_TRACE(report.dump());
    EXPECT_EQ(report["journal_id"], journal_id);
    EXPECT_LT(report["head_seq"], head);
    EXPECT_GT(report["bytes"], 0);
    const std::string path = report["path"];
    EXPECT_THAT(FindDisagreements(path), IsEmpty());
    const std::vector<StoredRow> copied = Rows(path);
    std::vector<StoredRow> whole = Rows(runs_dir());
    ASSERT_LT(copied.size(), whole.size());
    ASSERT_EQ(copied.back().seq, report["head_seq"]);
    for (size_t i = 0; i < copied.size(); ++i) {
      ASSERT_EQ(copied[i].seq, whole[i].seq);
      ASSERT_EQ(copied[i].body, whole[i].body);
    }
  }
  const std::vector<StoredRow> copied = Rows(made[1]["path"]);
  Restore("two");
  EXPECT_EQ(HeadSeq(), made[1]["head_seq"]);
  EXPECT_NE(GetJson("/readyz")["journal_id"], journal_id);
  const std::string poll = admin().Get("/api/v1/events?since=all&limit=1000").body;
  EXPECT_EQ(EventBodies(poll).front(), copied.front().body);
  // Who was further than the copy is told, and no later event bears a number that was given before.
  ExpectProblem(admin().Get("/api/v1/events?after=" + std::to_string(head)), 410,
                "cursor_beyond_head");
  auto stream =
      OpenStream("/api/v1/events/stream?after=" + std::to_string(head) + "&journal=" + journal_id);
  const auto frame = stream.NextNamed("gap");
  ASSERT_TRUE(frame);
  EXPECT_GT(SeqOf(Append("a", R"({"type":"log","message":"restored"})")), head);
}

TEST_F(BackupOverHttpTest, StaysInItsFolder) {
  AppendLogs("job", 1);
  for (const char* name : {"..", "../x", "%2Ftmp%2Fx", "a%2Fb", ".x"}) {
    EXPECT_EQ(Backup("?to=" + std::string(name), 400)["field"], "to") << name;
  }
  EXPECT_EQ(Backup("?two=x", 400)["code"], "unknown_parameter");
  EXPECT_FALSE(std::filesystem::exists(backups_));
  EXPECT_THAT(Backup("")["path"], HasSubstr(backups_ + "/stagelog-20"));
  Backup("?to=x");
  EXPECT_EQ(Backup("?to=x", 409)["code"], "backup_exists");
  EXPECT_EQ(As(kWriterToken).Post(kBackup, "").status, 403);
}

TEST_F(BackupOverHttpTest, NotInsideTheJournal) {
  Stop();
  for (const std::string& folder : {runs_dir(), runs_dir() + "/backups", runs_dir() + "/a/../b/"}) {
    WriteConfig(std::string(kTestConfig) + "storage:\n  backup_dir: " + folder + "\n");
    auto daemon = DaemonProcess::Spawn(Options());
    ASSERT_TRUE(daemon);
    EXPECT_EQ((*daemon)->WaitForExit(std::chrono::seconds(30)), 2) << folder;
    EXPECT_THAT((*daemon)->StderrText(), HasSubstr("storage.backup_dir")) << folder;
  }
}

// As the unit for systemd has it.
TEST_F(BackupOverHttpTest, BesideTheJobsWhereItCanBeNone) {
  Stop();
  backups_ = runs_dir() + "/stagelog.backups";
  Start(Config());
  AppendLogs("job", 2);
  EXPECT_EQ(Backup("?to=x")["jobs"], 1);
  Stop();
  Start(Config());
  EXPECT_EQ(GetJson("/api/v1/jobs")["jobs"].size(), 1U);
  Stop();
  EXPECT_THAT(FindDisagreements(backups_ + "/x"), IsEmpty());
  daemon_.reset();  // to the fixture every folder is a job
}

}  // namespace
}  // namespace stagelog
