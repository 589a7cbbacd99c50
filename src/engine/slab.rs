//! A slab: values at stable small handles, freed slots reused last-in first-out.

/// O(1) insert and remove; memory grows with the most values ever held at once.
#[derive(Clone, Debug)]
pub struct Slab<T> {
    values: Vec<T>,
    free: Vec<u32>,
}

impl<T> Default for Slab<T> {
    fn default() -> Self {
        Self { values: Vec::new(), free: Vec::new() }
    }
}

impl<T: Copy> Slab<T> {
    /// Stores a value and returns its handle.
    #[inline]
    pub fn insert(&mut self, value: T) -> u32 {
        if let Some(handle) = self.free.pop() {
            self.values[handle as usize] = value;
            return handle;
        }
        self.values.push(value);
        (self.values.len() - 1) as u32
    }

    /// The value at a live handle.
    #[inline]
    pub fn get(&self, handle: u32) -> T {
        self.values[handle as usize]
    }

    /// What lies at a handle that may be none of this slab's.
    #[inline]
    pub fn peek(&self, handle: u32) -> Option<&T> {
        self.values.get(handle as usize)
    }

    /// The value at a live handle, for changing.
    #[inline]
    pub fn get_mut(&mut self, handle: u32) -> &mut T {
        &mut self.values[handle as usize]
    }

    /// Frees a live handle.
    #[inline]
    pub fn remove(&mut self, handle: u32) -> T {
        self.free.push(handle);
        self.values[handle as usize]
    }

    /// Frees a live handle whose value is known.
    #[inline]
    pub fn free(&mut self, handle: u32) {
        self.free.push(handle);
    }

    /// How many values are held now.
    pub fn len(&self) -> usize {
        self.values.len() - self.free.len()
    }

    /// Whether none is held.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The live values, by handle.
    pub fn iter(&self) -> impl Iterator<Item = &T> {
        let mut live = vec![true; self.values.len()];
        for handle in &self.free {
            live[*handle as usize] = false;
        }
        self.values.iter().zip(live).filter_map(|(value, live)| live.then_some(value))
    }

    /// Whether a value is live at this handle. O(free slots).
    pub fn holds(&self, handle: u32) -> bool {
        (handle as usize) < self.values.len() && !self.free.contains(&handle)
    }

    /// The handles of all live values that are such ones. O(slots).
    pub fn find(&self, such: impl Fn(&T) -> bool) -> Vec<u32> {
        let mut live = vec![true; self.values.len()];
        self.free.iter().for_each(|handle| live[*handle as usize] = false);
        let found = self.values.iter().zip(live).enumerate();
        found.filter(|(_, (value, live))| *live && such(value)).map(|(handle, _)| handle as u32).collect()
    }
}
