/*
 * A Vulkan layer with which a program runs on the null device of Mesa's AMD driver (RADV_FORCE_FAMILY): it compiles for
 * a GPU that isn't there, and the layer writes down what became of each compute pipeline.
 *
 * The null device can compile and allocate, but has no fences, semaphores or queues. Here these exist and are always
 * ready; commands are not passed on, so nothing is computed: buffers that the program reads back hold anything.
 *
 * $COMPILER_LOG gets pipelines.jsonl, a line for each compute pipeline, and <line's number from 0>.s, its assembly; and
 * driver.txt, what the driver says of its version.
 * A pipeline is called as $COMPILER_KERNEL says at that moment, because WebGPU passes no labels on.
 */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <vulkan/vk_layer.h>
#include <vulkan/vulkan.h>

#define EXPORT __attribute__((visibility("default")))
#define LENGTH(array) (sizeof(array) / sizeof(*(array)))

/* One driver below: its entry points serve all instances and devices. */
static PFN_vkGetInstanceProcAddr next_instance_proc;
static PFN_vkGetDeviceProcAddr next_device_proc;
static VkInstance last_instance;

#define NEXT(device, name) ((PFN_##name)next_device_proc(device, #name))

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

/* ---- Log ---- */

static FILE *open_output(const char *file, const char *mode) {
  const char *directory = getenv("COMPILER_LOG");
  char path[4096];
  snprintf(path, sizeof path, "%s/%s", directory ? directory : ".", file);
  FILE *f = fopen(path, mode);
  if (!f) perror(path), abort();
  return f;
}

static FILE *log_file(void) {
  static FILE *log;
  if (!log) log = open_output("pipelines.jsonl", "w");
  return log;
}

static void print_string(FILE *f, const char *text) {
  fputc('"', f);
  for (; text && *text; text++) {
    if (*text == '"' || *text == '\\') fputc('\\', f);
    fputc((unsigned char)*text < ' ' ? ' ' : *text, f);
  }
  fputc('"', f);
}

/* ---- Pipelines ---- */

static size_t pipeline_count;

static void print_statistics(FILE *f, VkDevice device, VkPipelineExecutableInfoKHR *executable) {
  VkPipelineExecutableStatisticKHR all[64];
  uint32_t count = LENGTH(all);
  for (uint32_t i = 0; i < count; i++) {
    all[i] = (VkPipelineExecutableStatisticKHR){.sType = VK_STRUCTURE_TYPE_PIPELINE_EXECUTABLE_STATISTIC_KHR};
  }
  NEXT(device, vkGetPipelineExecutableStatisticsKHR)(device, executable, &count, all);
  for (uint32_t i = 0; i < count; i++) {
    if (i > 0) fputc(',', f);
    print_string(f, all[i].name);
    if (all[i].format == VK_PIPELINE_EXECUTABLE_STATISTIC_FORMAT_FLOAT64_KHR) fprintf(f, ":%g", all[i].value.f64);
    else fprintf(f, ":%llu", (unsigned long long)all[i].value.u64);
  }
}

static void write_assembly(VkDevice device, VkPipelineExecutableInfoKHR *executable, size_t id) {
  VkPipelineExecutableInternalRepresentationKHR all[8];
  PFN_vkGetPipelineExecutableInternalRepresentationsKHR get =
      NEXT(device, vkGetPipelineExecutableInternalRepresentationsKHR);
  for (size_t i = 0; i < LENGTH(all); i++) {
    all[i] = (VkPipelineExecutableInternalRepresentationKHR){
        .sType = VK_STRUCTURE_TYPE_PIPELINE_EXECUTABLE_INTERNAL_REPRESENTATION_KHR};
  }
  uint32_t count = LENGTH(all);
  get(device, executable, &count, all); /* sizes */
  for (uint32_t i = 0; i < count; i++) all[i].pData = calloc(1, all[i].dataSize + 1);
  get(device, executable, &count, all);
  for (uint32_t i = 0; i < count; i++) {
    if (strcmp(all[i].name, "Assembly") == 0) {
      char name[32];
      snprintf(name, sizeof name, "%zu.s", id);
      FILE *f = open_output(name, "w");
      fputs(all[i].pData, f);
      fclose(f);
    }
    free(all[i].pData);
  }
}

static void log_pipeline(VkDevice device, VkPipeline pipeline) {
  size_t id = pipeline_count++;
  VkPipelineInfoKHR info = {VK_STRUCTURE_TYPE_PIPELINE_INFO_KHR, NULL, pipeline};
  VkPipelineExecutablePropertiesKHR properties = {.sType = VK_STRUCTURE_TYPE_PIPELINE_EXECUTABLE_PROPERTIES_KHR};
  uint32_t count = 1;
  NEXT(device, vkGetPipelineExecutablePropertiesKHR)(device, &info, &count, &properties);
  VkPipelineExecutableInfoKHR executable = {VK_STRUCTURE_TYPE_PIPELINE_EXECUTABLE_INFO_KHR, NULL, pipeline, 0};

  FILE *f = log_file();
  fprintf(f, "{\"name\":");
  print_string(f, getenv("COMPILER_KERNEL"));
  fprintf(f, ",\"wave\":%u,\"statistics\":{", properties.subgroupSize);
  print_statistics(f, device, &executable);
  fprintf(f, "}}\n");
  fflush(f);
  write_assembly(device, &executable, id);
}

static VkResult VKAPI_CALL create_compute_pipelines(VkDevice device, VkPipelineCache cache, uint32_t count,
                                                    const VkComputePipelineCreateInfo *infos,
                                                    const VkAllocationCallbacks *allocator, VkPipeline *made) {
  VkResult result = VK_SUCCESS;
  for (uint32_t i = 0; i < count; i++) {
    VkComputePipelineCreateInfo info = infos[i];
    info.flags |= VK_PIPELINE_CREATE_CAPTURE_STATISTICS_BIT_KHR |
                  VK_PIPELINE_CREATE_CAPTURE_INTERNAL_REPRESENTATIONS_BIT_KHR;
    VkResult one = NEXT(device, vkCreateComputePipelines)(device, cache, 1, &info, allocator, &made[i]);
    if (one != VK_SUCCESS) {
      result = one;
      continue;
    }
    pthread_mutex_lock(&lock);
    log_pipeline(device, made[i]);
    pthread_mutex_unlock(&lock);
  }
  return result;
}

/* ---- Commands are ignored ---- */

static VkResult VKAPI_CALL nothing(void) { return VK_SUCCESS; }

/* ---- Fences and semaphores: a counter each. Work is done when it is submitted. ---- */

static uint64_t *counter(uint64_t value) {
  uint64_t *made = malloc(sizeof *made);
  *made = value;
  return made;
}

static VkResult VKAPI_CALL create_fence(VkDevice device, const VkFenceCreateInfo *info,
                                        const VkAllocationCallbacks *allocator, VkFence *fence) {
  (void)device, (void)allocator;
  *fence = (VkFence)counter(info->flags & VK_FENCE_CREATE_SIGNALED_BIT);
  return VK_SUCCESS;
}

static void VKAPI_CALL destroy_fence(VkDevice device, VkFence fence, const VkAllocationCallbacks *allocator) {
  (void)device, (void)allocator;
  free(fence);
}

static VkResult VKAPI_CALL create_semaphore(VkDevice device, const VkSemaphoreCreateInfo *info,
                                            const VkAllocationCallbacks *allocator, VkSemaphore *semaphore) {
  (void)device, (void)allocator;
  uint64_t value = 0;
  for (const VkBaseInStructure *s = info->pNext; s; s = s->pNext) {
    if (s->sType == VK_STRUCTURE_TYPE_SEMAPHORE_TYPE_CREATE_INFO) {
      value = ((const VkSemaphoreTypeCreateInfo *)s)->initialValue;
    }
  }
  *semaphore = (VkSemaphore)counter(value);
  return VK_SUCCESS;
}

static void VKAPI_CALL destroy_semaphore(VkDevice device, VkSemaphore semaphore,
                                         const VkAllocationCallbacks *allocator) {
  (void)device, (void)allocator;
  free(semaphore);
}

static VkResult VKAPI_CALL semaphore_value(VkDevice device, VkSemaphore semaphore, uint64_t *value) {
  (void)device;
  *value = *(uint64_t *)semaphore;
  return VK_SUCCESS;
}

static VkResult VKAPI_CALL signal_semaphore(VkDevice device, const VkSemaphoreSignalInfo *info) {
  (void)device;
  *(uint64_t *)info->semaphore = info->value;
  return VK_SUCCESS;
}

static VkResult VKAPI_CALL submit(VkQueue queue, uint32_t count, const VkSubmitInfo *infos, VkFence fence) {
  (void)queue, (void)fence;
  for (uint32_t i = 0; i < count; i++) {
    for (const VkBaseInStructure *s = infos[i].pNext; s; s = s->pNext) {
      if (s->sType != VK_STRUCTURE_TYPE_TIMELINE_SEMAPHORE_SUBMIT_INFO) continue;
      const VkTimelineSemaphoreSubmitInfo *values = (const void *)s;
      for (uint32_t j = 0; j < values->signalSemaphoreValueCount; j++) {
        *(uint64_t *)infos[i].pSignalSemaphores[j] = values->pSignalSemaphoreValues[j];
      }
    }
  }
  return VK_SUCCESS;
}

static VkResult VKAPI_CALL query_results(VkDevice device, VkQueryPool pool, uint32_t first, uint32_t count, size_t size,
                                         void *data, VkDeviceSize stride, VkQueryResultFlags flags) {
  (void)device, (void)pool, (void)first, (void)count, (void)stride, (void)flags;
  memset(data, 0, size);
  return VK_SUCCESS;
}

/* ---- Memory: one type, from the heap. The null device has none; descriptors mean nothing without commands. ---- */

static const VkDeviceSize HEAP_BYTES = 16ull << 30;

static void VKAPI_CALL memory_properties(VkPhysicalDevice physical, VkPhysicalDeviceMemoryProperties *p) {
  (void)physical;
  memset(p, 0, sizeof *p);
  p->memoryHeapCount = 1;
  p->memoryHeaps[0] = (VkMemoryHeap){HEAP_BYTES, VK_MEMORY_HEAP_DEVICE_LOCAL_BIT};
  p->memoryTypeCount = 1;
  p->memoryTypes[0].propertyFlags = VK_MEMORY_PROPERTY_DEVICE_LOCAL_BIT | VK_MEMORY_PROPERTY_HOST_VISIBLE_BIT |
                                    VK_MEMORY_PROPERTY_HOST_COHERENT_BIT | VK_MEMORY_PROPERTY_HOST_CACHED_BIT;
}

static void VKAPI_CALL memory_properties2(VkPhysicalDevice physical, VkPhysicalDeviceMemoryProperties2 *p) {
  memory_properties(physical, &p->memoryProperties);
  for (VkBaseOutStructure *s = p->pNext; s; s = s->pNext) {
    if (s->sType != VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_MEMORY_BUDGET_PROPERTIES_EXT) continue;
    ((VkPhysicalDeviceMemoryBudgetPropertiesEXT *)s)->heapBudget[0] = HEAP_BYTES;
    ((VkPhysicalDeviceMemoryBudgetPropertiesEXT *)s)->heapUsage[0] = 0;
  }
}

static void VKAPI_CALL buffer_requirements(VkDevice device, VkBuffer buffer, VkMemoryRequirements *requirements) {
  NEXT(device, vkGetBufferMemoryRequirements)(device, buffer, requirements);
  requirements->memoryTypeBits = 1;
}

static void VKAPI_CALL buffer_requirements2(VkDevice device, const VkBufferMemoryRequirementsInfo2 *info,
                                            VkMemoryRequirements2 *requirements) {
  buffer_requirements(device, info->buffer, &requirements->memoryRequirements);
}

static VkResult VKAPI_CALL allocate_memory(VkDevice device, const VkMemoryAllocateInfo *info,
                                           const VkAllocationCallbacks *allocator, VkDeviceMemory *memory) {
  (void)device, (void)allocator;
  *memory = calloc(1, info->allocationSize);
  return *memory ? VK_SUCCESS : VK_ERROR_OUT_OF_DEVICE_MEMORY;
}

static void VKAPI_CALL free_memory(VkDevice device, VkDeviceMemory memory, const VkAllocationCallbacks *allocator) {
  (void)device, (void)allocator;
  free(memory);
}

static VkResult VKAPI_CALL map_memory(VkDevice device, VkDeviceMemory memory, VkDeviceSize offset, VkDeviceSize size,
                                      VkMemoryMapFlags flags, void **data) {
  (void)device, (void)size, (void)flags;
  *data = (char *)memory + offset;
  return VK_SUCCESS;
}

/* ---- The chain of layers ---- */

static VkLayerInstanceCreateInfo *instance_link(const VkInstanceCreateInfo *info) {
  VkLayerInstanceCreateInfo *link = (void *)info->pNext;
  while (link->sType != VK_STRUCTURE_TYPE_LOADER_INSTANCE_CREATE_INFO || link->function != VK_LAYER_LINK_INFO) {
    link = (void *)link->pNext;
  }
  return link;
}

static VkResult VKAPI_CALL create_instance(const VkInstanceCreateInfo *info, const VkAllocationCallbacks *allocator,
                                           VkInstance *instance) {
  VkLayerInstanceCreateInfo *link = instance_link(info);
  next_instance_proc = link->u.pLayerInfo->pfnNextGetInstanceProcAddr;
  link->u.pLayerInfo = link->u.pLayerInfo->pNext;
  PFN_vkCreateInstance create = (PFN_vkCreateInstance)next_instance_proc(NULL, "vkCreateInstance");
  VkResult result = create(info, allocator, instance);
  if (result == VK_SUCCESS) last_instance = *instance;
  return result;
}

static void write_driver(VkPhysicalDevice physical) {
  PFN_vkGetPhysicalDeviceProperties2 get =
      (PFN_vkGetPhysicalDeviceProperties2)next_instance_proc(last_instance, "vkGetPhysicalDeviceProperties2");
  VkPhysicalDeviceDriverProperties driver = {.sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_DRIVER_PROPERTIES};
  VkPhysicalDeviceProperties2 properties = {VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_PROPERTIES_2, &driver, {0}};
  if (get) get(physical, &properties);
  FILE *f = open_output("driver.txt", "w");
  fputs(driver.driverInfo, f);
  fclose(f);
}

static VkLayerDeviceCreateInfo *device_link(const VkDeviceCreateInfo *info) {
  VkLayerDeviceCreateInfo *link = (void *)info->pNext;
  while (link->sType != VK_STRUCTURE_TYPE_LOADER_DEVICE_CREATE_INFO || link->function != VK_LAYER_LINK_INFO) {
    link = (void *)link->pNext;
  }
  return link;
}

/* With the extension that tells statistics. */
static VkResult VKAPI_CALL create_device(VkPhysicalDevice physical, const VkDeviceCreateInfo *info,
                                         const VkAllocationCallbacks *allocator, VkDevice *device) {
  VkLayerDeviceCreateInfo *link = device_link(info);
  PFN_vkGetInstanceProcAddr instance_proc = link->u.pLayerInfo->pfnNextGetInstanceProcAddr;
  next_device_proc = link->u.pLayerInfo->pfnNextGetDeviceProcAddr;
  link->u.pLayerInfo = link->u.pLayerInfo->pNext;

  uint32_t count = info->enabledExtensionCount;
  const char **extensions = malloc((count + 1) * sizeof *extensions);
  if (count > 0) memcpy(extensions, info->ppEnabledExtensionNames, count * sizeof *extensions);
  extensions[count] = VK_KHR_PIPELINE_EXECUTABLE_PROPERTIES_EXTENSION_NAME;
  VkPhysicalDevicePipelineExecutablePropertiesFeaturesKHR features = {
      VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_PIPELINE_EXECUTABLE_PROPERTIES_FEATURES_KHR, (void *)info->pNext, VK_TRUE};
  VkDeviceCreateInfo extended = *info;
  extended.pNext = &features;
  extended.enabledExtensionCount = count + 1;
  extended.ppEnabledExtensionNames = extensions;
  PFN_vkCreateDevice create = (PFN_vkCreateDevice)instance_proc(NULL, "vkCreateDevice");
  VkResult result = create(physical, &extended, allocator, device);
  free(extensions);
  write_driver(physical);
  return result;
}

static PFN_vkVoidFunction VKAPI_CALL device_proc(VkDevice device, const char *name);
static PFN_vkVoidFunction VKAPI_CALL instance_proc(VkInstance instance, const char *name);

static const struct {
  const char *name;
  void *function;
} HOOKS[] = {
    {"vkGetInstanceProcAddr", instance_proc},
    {"vkGetDeviceProcAddr", device_proc},
    {"vkCreateInstance", create_instance},
    {"vkCreateDevice", create_device},
    {"vkCreateComputePipelines", create_compute_pipelines},
    {"vkBeginCommandBuffer", nothing},
    {"vkEndCommandBuffer", nothing},
    {"vkResetCommandBuffer", nothing},
    {"vkResetCommandPool", nothing},
    {"vkQueueSubmit", submit},
    {"vkQueueWaitIdle", nothing},
    {"vkDeviceWaitIdle", nothing},
    {"vkCreateFence", create_fence},
    {"vkDestroyFence", destroy_fence},
    {"vkResetFences", nothing},
    {"vkGetFenceStatus", nothing},
    {"vkWaitForFences", nothing},
    {"vkCreateSemaphore", create_semaphore},
    {"vkDestroySemaphore", destroy_semaphore},
    {"vkGetSemaphoreCounterValue", semaphore_value},
    {"vkGetSemaphoreCounterValueKHR", semaphore_value},
    {"vkSignalSemaphore", signal_semaphore},
    {"vkSignalSemaphoreKHR", signal_semaphore},
    {"vkWaitSemaphores", nothing},
    {"vkWaitSemaphoresKHR", nothing},
    {"vkGetQueryPoolResults", query_results},
    {"vkGetPhysicalDeviceMemoryProperties", memory_properties},
    {"vkGetPhysicalDeviceMemoryProperties2", memory_properties2},
    {"vkGetPhysicalDeviceMemoryProperties2KHR", memory_properties2},
    {"vkGetBufferMemoryRequirements", buffer_requirements},
    {"vkGetBufferMemoryRequirements2", buffer_requirements2},
    {"vkGetBufferMemoryRequirements2KHR", buffer_requirements2},
    {"vkAllocateMemory", allocate_memory},
    {"vkFreeMemory", free_memory},
    {"vkMapMemory", map_memory},
    {"vkUnmapMemory", nothing},
    {"vkFlushMappedMemoryRanges", nothing},
    {"vkInvalidateMappedMemoryRanges", nothing},
    {"vkBindBufferMemory", nothing},
    {"vkBindBufferMemory2", nothing},
    {"vkUpdateDescriptorSets", nothing},
};

static PFN_vkVoidFunction hook(const char *name) {
  for (size_t i = 0; i < LENGTH(HOOKS); i++) {
    if (strcmp(HOOKS[i].name, name) == 0) return (PFN_vkVoidFunction)HOOKS[i].function;
  }
  return strncmp(name, "vkCmd", 5) == 0 ? (PFN_vkVoidFunction)nothing : NULL;
}

static PFN_vkVoidFunction VKAPI_CALL device_proc(VkDevice device, const char *name) {
  PFN_vkVoidFunction hooked = hook(name);
  return hooked ? hooked : next_device_proc(device, name);
}

static PFN_vkVoidFunction VKAPI_CALL instance_proc(VkInstance instance, const char *name) {
  PFN_vkVoidFunction hooked = hook(name);
  return hooked ? hooked : next_instance_proc(instance, name);
}

EXPORT VkResult VKAPI_CALL vkNegotiateLoaderLayerInterfaceVersion(VkNegotiateLayerInterface *interface) {
  interface->loaderLayerInterfaceVersion = 2;
  interface->pfnGetInstanceProcAddr = instance_proc;
  interface->pfnGetDeviceProcAddr = device_proc;
  interface->pfnGetPhysicalDeviceProcAddr = NULL;
  return VK_SUCCESS;
}
