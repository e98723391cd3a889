// One YAML document out of a text that may be anything.
#ifndef STAGELOG_APP_YAML_DOCUMENT_H_
#define STAGELOG_APP_YAML_DOCUMENT_H_

#include <yaml-cpp/yaml.h>

#include <string>

#include "app/yaml_value.h"

namespace stagelog {

// The document in `yaml`, an empty one where there is none. Where it is no YAML, or more than one
// document, the problem is noted.
YAML::Node ParseYamlDocument(const std::string& yaml, YamlProblems& problems);

}  // namespace stagelog

#endif  // STAGELOG_APP_YAML_DOCUMENT_H_
