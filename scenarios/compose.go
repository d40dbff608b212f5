package scenarios

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/compose-spec/compose-go/v2/interpolation"
	"github.com/compose-spec/compose-go/v2/loader"
	"github.com/compose-spec/compose-go/v2/template"
	"github.com/compose-spec/compose-go/v2/tree"
	"github.com/compose-spec/compose-go/v2/types"
)

// composeKeys are what is understood of a Compose file. What a container is called, whether it comes back by itself, and on
// which networks it is, are the run's to decide; published ports are chosen for each run.
func composeKeys() []tree.Path {
	keys := []tree.Path{
		"name", "networks", "networks.*", "volumes", "volumes.*", "services.*.build", "services.*.build.context", "services.*.build.dockerfile",
		"services.*.build.args", "services.*.build.args.*",
	}
	for _, key := range []string{
		"image", "command", "command.[]", "environment", "environment.*", "environment.[]", "ports", "ports.[]", "ports.[].*", "expose", "expose.[]",
		"depends_on", "depends_on.*", "depends_on.*.condition", "depends_on.*.required", "depends_on.*.restart", "depends_on.[]",
		"healthcheck", "healthcheck.*", "healthcheck.test.[]", "volumes", "volumes.[]", "volumes.[].*", "volumes.[].bind.*", "volumes.[].volume.*",
		"cpus", "mem_limit", "container_name", "hostname", "restart", "networks", "networks.*", "networks.[]", "labels", "labels.*", "labels.[]",
	} {
		keys = append(keys, tree.Path("services.*."+key))
	}
	return keys
}

// composeReader turns a Compose file into services, and collects what it cannot.
type composeReader struct {
	file string
	dir  string // of the file, relative to the system file's
	base string // the system file's
	tree *node  // nil where the file has what only Compose files may have, such as anchors: then nothing has a line
	errs Errors
}

// readCompose adds the services of the Compose file that the system file names. What the system file says of a service
// goes before.
func (s *System) readCompose() Errors {
	container := s.Launch.Container
	if container == nil || container.Compose == "" || s.source == nil {
		return nil
	}
	relative := filepath.FromSlash(container.Compose)
	r := &composeReader{file: filepath.Join(s.source.dir, relative), dir: filepath.Dir(relative), base: s.source.dir}
	text, err := os.ReadFile(r.file)
	if err != nil {
		at := s.source.at("launch", "container", "compose")
		return Errors{{File: at.file, Line: at.line, Column: at.column, Message: fmt.Sprintf("compose: %s: want a Compose file, relative to this one", err)}}
	}
	r.tree, _ = parseTree(r.file, text)
	project, err := r.load(obsolete.ReplaceAll(text, nil))
	if err != nil {
		r.fail(nil, "%s", strings.ReplaceAll(err.Error(), "\n", "; "))
		return r.errs
	}
	services := map[string]Service{}
	for _, name := range project.ServiceNames() {
		services[name] = r.service(name, project.Services[name], container)
	}
	for name, own := range container.Services {
		services[name] = own.over(services[name])
	}
	container.Services = services
	return r.errs
}

// obsolete is a key that says nothing any more, and that the library would warn of on standard error.
var obsolete = regexp.MustCompile(`(?m)^version:.*$`)

func (r *composeReader) fail(path []string, format string, args ...any) {
	where := make([]any, len(path))
	for index, key := range path {
		where[index] = key
	}
	at := r.tree.at(where...)
	r.errs = append(r.errs, Error{File: r.file, Line: at.line, Column: at.column, Message: fmt.Sprintf(format, args...)})
}

// load reads the file as Compose does, but for variables: they become templates, which are filled in when a run starts.
func (r *composeReader) load(text []byte) (*types.Project, error) {
	refuse := func(found []loader.UnsupportedAttribute) {
		for _, attribute := range found {
			path := strings.Split(string(attribute.Path), ".")
			r.fail(path, "%s: is not understood: want it left out, or said in the system file", strings.Join(path, "."))
		}
	}
	return loader.LoadWithContext(context.Background(), types.ConfigDetails{
		WorkingDir: filepath.Dir(r.file), ConfigFiles: []types.ConfigFile{{Filename: r.file, Content: text}},
	}, func(options *loader.Options) {
		options.SetProjectName("paystorm", true)
		options.ResolvePaths, options.SkipExtends, options.SkipInclude = false, true, true
		options.Interpolate = &interpolation.Options{Substitute: composeVariables, LookupValue: func(string) (string, bool) { return "", false }}
	}, loader.WithSupportedAttributes(composeKeys(), refuse))
}

// composeVariable is $$, or a variable in one of the forms that have a template's meaning.
var composeVariable = regexp.MustCompile(`\$(?:(\$)|([A-Za-z_]\w*)|\{([A-Za-z_]\w*)(?::?-([^}"]*))?\}|(.?))`)

// composeVariables makes ${NAME:-default} the template {{ env "NAME" "default" }}.
func composeVariables(text string, _ template.Mapping) (string, error) {
	var wrong error
	filled := composeVariable.ReplaceAllStringFunc(text, func(found string) string {
		part := composeVariable.FindStringSubmatch(found)
		name := part[2] + part[3]
		switch {
		case part[1] != "":
			return "$"
		case name == "":
			wrong = fmt.Errorf("%q is not understood: want $NAME, ${NAME} or ${NAME:-default}", text)
			return found
		case strings.Contains(found, "-"):
			return fmt.Sprintf("{{ env %q %q }}", name, part[4])
		default:
			return fmt.Sprintf("{{ env %q }}", name)
		}
	})
	return filled, wrong
}

// service is one service of the file.
func (r *composeReader) service(name string, from types.ServiceConfig, container *Container) Service {
	service := Service{Image: from.Image, Command: from.Command, CPUs: float64(from.CPUS), Memory: Size(from.MemLimit)}
	if from.Build != nil {
		service.Image = "" // what the build is to be called
		service.Build = &Build{
			Context: filepath.ToSlash(filepath.Join(r.dir, from.Build.Context)), Dockerfile: from.Build.Dockerfile,
			Args: r.values(from.Build.Args, "services", name, "build", "args"),
		}
	}
	service.Environment = r.values(from.Environment, "services", name, "environment")
	if name == container.Shop && len(from.Ports) == 1 {
		service.Port = int(from.Ports[0].Target)
	}
	for _, peer := range slices.Sorted(maps.Keys(from.DependsOn)) {
		if condition := from.DependsOn[peer].Condition; condition == types.ServiceConditionCompletedSuccessfully {
			r.fail([]string{"services", name, "depends_on", peer, "condition"}, "depends_on: %s is not understood: want service_started or service_healthy", condition)
		}
		service.DependsOn = append(service.DependsOn, peer)
	}
	service.Ready = healthOf(from.HealthCheck)
	for index, volume := range from.Volumes {
		r.volume(&service, []string{"services", name, "volumes"}, index, volume)
	}
	return service
}

// values are a map's, of which each must have one: there is no shell that it could come from.
func (r *composeReader) values(from types.MappingWithEquals, path ...string) map[string]string {
	var values map[string]string
	for _, name := range slices.Sorted(maps.Keys(from)) {
		if from[name] == nil {
			r.fail(append(path, name), "%s: has no value: want one, such as ${%s}", name, name)
			continue
		}
		if values == nil {
			values = map[string]string{}
		}
		values[name] = *from[name]
	}
	return values
}

// healthOf waits for what the health check asks.
func healthOf(check *types.HealthCheckConfig) *Readiness {
	if check == nil || check.Disable || len(check.Test) < 2 {
		return nil
	}
	ready := &Readiness{Exec: check.Test[1:]}
	if check.Test[0] == "CMD-SHELL" {
		ready.Exec = append([]string{"/bin/sh", "-c"}, check.Test[1:]...)
	}
	if check.Interval != nil && check.Retries != nil {
		ready.Within = Duration(time.Duration(*check.Interval) * time.Duration(*check.Retries))
		if check.StartPeriod != nil {
			ready.Within += Duration(*check.StartPeriod)
		}
	}
	return ready
}

// volume copies a file in. A named volume is the container's own file system, which lasts as long as the run.
func (r *composeReader) volume(service *Service, path []string, index int, volume types.ServiceVolumeConfig) {
	if volume.Type == types.VolumeTypeVolume {
		return
	}
	source := filepath.Join(r.base, r.dir, volume.Source)
	text, err := os.ReadFile(source)
	switch {
	case volume.Type != types.VolumeTypeBind:
		err = fmt.Errorf("a %s is not understood", volume.Type)
	case err == nil && strings.Contains(string(text), "{{"):
		err = errors.New("a file with {{ in it would be taken for a template: want it in files of the system file")
	}
	if err != nil {
		r.fail(path, "volumes: number %d: %s: want single files of configuration", index+1, err)
		return
	}
	if service.Files == nil {
		service.Files = map[string]File{}
	}
	service.Files[volume.Target] = File{Text: string(text)}
}

// over is the service with what it does not say itself from another one.
func (s Service) over(base Service) Service {
	if s.Image == "" && s.Build == nil {
		s.Image, s.Build = base.Image, base.Build
	}
	if len(s.Command) == 0 {
		s.Command = base.Command
	}
	s.Environment = overlaid(base.Environment, s.Environment)
	s.Files = overlaid(base.Files, s.Files)
	if s.Port == 0 {
		s.Port = base.Port
	}
	if len(s.DependsOn) == 0 {
		s.DependsOn = base.DependsOn
	}
	if s.Ready == nil {
		s.Ready = base.Ready
	}
	if s.CPUs == 0 {
		s.CPUs = base.CPUs
	}
	if s.Memory == 0 {
		s.Memory = base.Memory
	}
	return s
}

func overlaid[V any](base, over map[string]V) map[string]V {
	if len(base) == 0 {
		return over
	}
	all := maps.Clone(base)
	maps.Copy(all, over)
	return all
}
