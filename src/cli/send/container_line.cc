#include "cli/send/container_line.h"

#include <algorithm>
#include <utility>

#include "cli/send/text_time.h"
#include "core/json_text.h"

namespace stagelog::cli {
namespace {

constexpr const char* kLogKey = "log";

std::optional<ContainerLine> ReadDockerLine(std::string_view line) {
  if (!line.starts_with('{')) return std::nullopt;
  const auto object = ForeignLine::Parse(line);
  if (!object || object->has_duplicates()) return std::nullopt;
  ContainerLine read;
  read.is_docker = true;
  read.is_repaired = object->is_repaired();
  bool has_log = false;
  for (const JsonMember& member : object->members()) {
    const bool is_text = member.kind == JsonMember::Kind::kText;
    if (member.key == kLogKey && is_text) {
      has_log = true;
      read.text = member.text;
      continue;
    }
    if (member.key == "stream" && is_text) read.stream = member.text;
    AppendJsonMember(read.about, member.key, member.raw);
  }
  if (!has_log) return std::nullopt;
  read.about = read.about.empty() ? "{}" : read.about + "}";
  read.is_ended = read.text.ends_with('\n');
  if (read.is_ended) read.text.pop_back();
  if (read.is_ended && read.text.ends_with('\r')) read.text.pop_back();
  return read;
}

std::optional<ContainerLine> ReadCriLine(std::string_view line) {
  const size_t blank = line.find(' ');
  if (blank == line.npos || line.front() < '0' || line.front() > '9') return std::nullopt;
  const std::string_view time = line.substr(0, blank);
  std::string_view rest = line.substr(blank + 1);
  const bool is_stdout = rest.starts_with("stdout ");
  if (!is_stdout && !rest.starts_with("stderr ")) return std::nullopt;
  const auto leading = FindLeadingTime(time);
  if (!leading || leading->size != time.size() || !leading->time.has_zone) return std::nullopt;
  rest.remove_prefix(std::string_view("stdout ").size());
  // Tags are separated by colons; the first says whether the line is partial or full.
  const size_t end = std::min(rest.find(' '), rest.size());
  const std::string_view tags = rest.substr(0, end);
  const std::string_view first = tags.substr(0, tags.find(':'));
  if (first != "F" && first != "P") return std::nullopt;
  ContainerLine read;
  read.text = rest.substr(std::min(end + 1, rest.size()));
  read.stream = is_stdout ? "stdout" : "stderr";
  read.is_ended = first == "F";
  AppendJsonMember(read.about, "stream", JsonString(read.stream));
  AppendJsonMember(read.about, "time", JsonString(time));
  read.about += "}";
  return read;
}

}  // namespace

std::optional<ContainerLine> ReadContainerLine(std::string_view line, bool reads_docker) {
  if (reads_docker) {
    if (auto docker = ReadDockerLine(line)) return docker;
  }
  return ReadCriLine(line);
}

std::vector<JoinedLine> ContainerLines::Add(ContainerLine piece, int64_t number, std::string id) {
  std::vector<JoinedLine> complete;
  const bool is_ended = piece.is_ended;
  const std::string stream = piece.stream;
  const auto open = open_.find(stream);
  if (open == open_.end()) {
    JoinedLine line{std::move(piece), number, std::move(id)};
    if (is_ended) {
      complete.push_back(std::move(line));
    } else {
      open_.emplace(stream, std::move(line));
    }
    return complete;
  }
  JoinedLine& line = open->second;
  if (line.line.text.size() + piece.text.size() > kMaxJoinedBytes) {
    piece.part = line.line.part + 1;
    complete.push_back(std::exchange(line, JoinedLine{std::move(piece), 0, ""}));
  } else {
    line.line.text += piece.text;
    line.line.is_repaired = line.line.is_repaired || piece.is_repaired;
    line.line.is_ended = is_ended;
  }
  line.number = number;
  line.id = std::move(id);
  if (is_ended) {
    complete.push_back(std::move(line));
    open_.erase(open);
  }
  return complete;
}

std::vector<JoinedLine> ContainerLines::Finish() {
  std::vector<JoinedLine> rest;
  for (auto& [stream, line] : open_) rest.push_back(std::move(line));
  open_.clear();
  return rest;
}

}  // namespace stagelog::cli
