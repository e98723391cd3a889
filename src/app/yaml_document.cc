#include "app/yaml_document.h"

#include <yaml-cpp/eventhandler.h>

#include <optional>
#include <sstream>

namespace stagelog {
namespace {

// Looks where documents begin and at nothing else.
class DocumentStarts : public YAML::EventHandler {
 public:
  void OnDocumentStart(const YAML::Mark& mark) override { last_ = mark; }
  void OnDocumentEnd() override {}
  void OnNull(const YAML::Mark&, YAML::anchor_t) override {}
  void OnAlias(const YAML::Mark&, YAML::anchor_t) override {}
  void OnScalar(const YAML::Mark&, const std::string&, YAML::anchor_t,
                const std::string&) override {}
  void OnSequenceStart(const YAML::Mark&, const std::string&, YAML::anchor_t,
                       YAML::EmitterStyle::value) override {}
  void OnSequenceEnd() override {}
  void OnMapStart(const YAML::Mark&, const std::string&, YAML::anchor_t,
                  YAML::EmitterStyle::value) override {}
  void OnMapEnd() override {}

  const YAML::Mark& last() const { return last_; }

 private:
  YAML::Mark last_;
};

// Where a second document begins. YAML::LoadAll() would ask on as long as there is one, and behind
// a bracket that was never opened there is always another: it ends when the memory does.
std::optional<YAML::Mark> SecondDocument(const std::string& yaml) {
  std::istringstream stream(yaml);
  YAML::Parser parser(stream);
  DocumentStarts starts;
  if (!parser.HandleNextDocument(starts) || !parser.HandleNextDocument(starts)) {
    return std::nullopt;
  }
  return starts.last();
}

}  // namespace

YAML::Node ParseYamlDocument(const std::string& yaml, YamlProblems& problems) {
  try {
    if (const auto second = SecondDocument(yaml)) {
      problems.Add(LineOf(*second), "", "the file contains a second YAML document; keep only one");
    }
    return YAML::Load(yaml);
  } catch (const YAML::Exception& exception) {
    // What follows a colon is quoted from the file, and could be part of a token.
    const std::string reason = exception.msg.substr(0, exception.msg.find(':'));
    // `[*]` is a reference to nothing.
    const bool is_star =
        reason.find("alias") != std::string::npos || reason.find("anchor") != std::string::npos;
    problems.Add(
        LineOf(exception.mark), "",
        "invalid YAML: " + reason + (is_star ? "; write an asterisk in quotes: \"*\"" : ""));
    return YAML::Node();
  }
}

}  // namespace stagelog
