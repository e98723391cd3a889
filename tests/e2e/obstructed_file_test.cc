// One job's events.jsonl is edited, removed, replaced and made immutable while nine jobs are
// appended to: nobody is refused, and the file is complete when the obstacle is gone.
#include <fcntl.h>
#include <gmock/gmock.h>
#include <linux/fs.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <functional>
#include <thread>

#include "base/unique_fd.h"
#include "tests/support/daemon_fixture.h"
#include "tests/support/deadline.h"

namespace stagelog {
namespace {

namespace fs = std::filesystem;

using ::testing::HasSubstr;

class ObstructedFileTest : public DaemonTest {
 protected:
  // Nine writers, the first to the job `ninth`, while `obstruct` and then `clear` are done to the
  // file of that job.
  void WriteBeside(const std::function<void()>& obstruct, const std::function<void()>& clear) {
    std::atomic<bool> is_over = false;
    std::atomic<int> refused = 0;
    std::atomic<int> acknowledged = 0;
    std::vector<std::thread> writers;
    for (int i = 0; i < 9; ++i) {
      writers.emplace_back([&, job = i == 0 ? "ninth" : "job-" + std::to_string(i)] {
        const HttpClient client = admin();
        while (!is_over) {
          const HttpResponse answer = client.Post("/api/v1/jobs/" + std::string(job) + "/events",
                                                  R"({"type":"log","message":"m"})");
          ++(answer.status == 201 ? acknowledged : refused);
        }
      });
    }
    const auto pass = [&](int events) {
      const int from = acknowledged;
      const Deadline deadline(std::chrono::seconds(20));
      while (acknowledged < from + events && !deadline.Passed()) {
        std::this_thread::sleep_for(std::chrono::milliseconds(5));
      }
    };
    pass(100);
    obstruct();
    pass(300);
    clear();
    pass(100);
    is_over = true;
    for (std::thread& writer : writers) writer.join();
    EXPECT_EQ(refused, 0);
    EXPECT_EQ(admin().Get("/readyz").status, 200);
  }

  std::string Path() const { return runs_dir() + "/ninth/events.jsonl"; }

  bool IsNamed() {
    return admin().Get("/readyz").body.find("obstructed_files") != std::string::npos;
  }

  bool IsComplete() {
    const Json answer = GetJson("/api/v1/jobs/ninth/events?after=0&limit=10000");
    if (!fs::is_regular_file(Path())) return false;
    const std::vector<std::string> lines = Lines("ninth");
    if (lines.size() != answer.at("events").size()) return false;
    for (size_t i = 0; i < lines.size(); ++i) {
      if (Json::parse(lines[i]) != answer.at("events")[i]) return false;
    }
    return true;
  }

  // There is nothing else that would say so.
  void ExpectComplete() {
    const Deadline deadline(std::chrono::seconds(20));
    while ((IsNamed() || !IsComplete()) && !deadline.Passed()) {
      std::this_thread::sleep_for(std::chrono::milliseconds(50));
    }
    EXPECT_FALSE(IsNamed());
    EXPECT_TRUE(IsComplete());
  }
};

TEST_F(ObstructedFileTest, EditedRemovedAndReplaced) {
  Start();
  AppendLogs("ninth", 3);
  const std::vector<std::function<void()>> obstacles = {
      [&] { std::ofstream(Path(), std::ios::trunc) << "edited by hand\n"; },
      [&] { std::ofstream(Path(), std::ios::app) << "a line too many\n"; },
      [&] { fs::remove(Path()); },
      [&] { fs::remove_all(runs_dir() + "/ninth"); },
      [&] {
        fs::remove(Path());
        fs::create_directory(Path());
      },
      [&] {
        fs::remove(Path());
        ASSERT_EQ(::mkfifo(Path().c_str(), 0644), 0);
      },
  };
  for (size_t i = 0; i < obstacles.size(); ++i) {
    SCOPED_TRACE("obstacle " + std::to_string(i));
    WriteBeside(
        [&] {
          // The daemon may be making the file anew.
          try {
            obstacles[i]();
          } catch (const fs::filesystem_error&) {
          }
        },
        [] {});
    ExpectComplete();
  }
}

TEST_F(ObstructedFileTest, Immutable) {
  Start();
  AppendLogs("ninth", 3);
  const auto set_immutable = [&](bool is_immutable) {
    const UniqueFd file(::open(Path().c_str(), O_RDONLY | O_CLOEXEC));
    int flags = 0;
    if (::ioctl(file.get(), FS_IOC_GETFLAGS, &flags) != 0) return false;
    flags = is_immutable ? flags | FS_IMMUTABLE_FL : flags & ~FS_IMMUTABLE_FL;
    return ::ioctl(file.get(), FS_IOC_SETFLAGS, &flags) == 0;
  };
  if (!set_immutable(true)) GTEST_SKIP() << "cannot make a file immutable here";
  ASSERT_TRUE(set_immutable(false));
  Stop();  // so that no descriptor from before is open
  ASSERT_TRUE(set_immutable(true));
  Start();
  WriteBeside(
      [] {},
      [&] {
        EXPECT_TRUE(IsNamed());
        EXPECT_THAT(admin().Get("/readyz").body, HasSubstr("\"job_id\":\"ninth\""));
        EXPECT_FALSE(fs::exists(runs_dir() + "/ninth/state.json") &&
                     Json::parse(std::ifstream(runs_dir() + "/ninth/state.json")).at("events") >
                         Lines("ninth").size());
        set_immutable(false);
      });
  ExpectComplete();
}

}  // namespace
}  // namespace stagelog
