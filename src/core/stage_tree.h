// The stages of a job by path: each one's last attempt, and the fraction of the job that is done.
#ifndef STAGELOG_CORE_STAGE_TREE_H_
#define STAGELOG_CORE_STAGE_TREE_H_

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>

namespace stagelog {

// Fractions are in millionths, so that the result does not depend on the order of updates. A
// stage's own report takes precedence; without one it has the mean of the stages directly below it.
class StageTree {
 public:
  static constexpr int64_t kWhole = 1'000'000;

  // A stage that will come: it counts as not begun until it says otherwise.
  void Declare(std::string_view path);

  // Where the last attempt at the stage is in the job's list; none before the first.
  std::optional<size_t> LastAttempt(std::string_view path) const;
  void SetLastAttempt(std::string_view path, size_t index);

  // What the stage says is done of itself, 0 to kWhole; none: nothing.
  void SetDone(std::string_view path, std::optional<int64_t> done);

  bool empty() const { return nodes_.empty(); }
  // Places in the tree: stages, declared ones, those above others, and the job itself.
  size_t size() const { return nodes_.size(); }
  // What is done of all stages, 0 to kWhole.
  int64_t Done() const;

  bool operator==(const StageTree&) const = default;

 private:
  struct Node {
    std::optional<size_t> last_attempt;
    std::optional<int64_t> own;
    int64_t children = 0;
    int64_t children_done = 0;  // sum over the children

    int64_t Done() const;
    bool operator==(const Node&) const = default;
  };

  Node* Find(std::string_view path);
  Node& FindOrAdd(std::string_view path);
  void UpdateParent(std::string_view path, int64_t before, int64_t after);

  // By path; the job itself has the empty path. A path is at most 512 bytes, so 256 levels.
  std::unordered_map<std::string, Node> nodes_;
};

}  // namespace stagelog

#endif  // STAGELOG_CORE_STAGE_TREE_H_
